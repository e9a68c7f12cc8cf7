import assert from 'node:assert/strict';
import type { BaseConnection, BaseConnectionPool, Reply } from '../../../src/index.ts';

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Polls until the condition holds; fails after 20 seconds. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what = 'the condition',
): Promise<void> {
  for (const end = performance.now() + 20_000; performance.now() < end; await sleep(5))
    if (await condition()) return;
  assert.fail(`${what} did not come true within 20 s`);
}

type Pool = BaseConnectionPool<BaseConnection, boolean>;

export function gauges({ statistics }: Pool): number[] {
  const { activeConnections, inUseConnections, idleConnections, connectingConnections, waiting } = statistics;
  return [activeConnections, inUseConnections, idleConnections, connectingConnections, waiting];
}

/** Waits until no caller uses, waits or dials, and the sums agree. */
export async function atRest(pool: Pool): Promise<void> {
  await until(
    () => {
      const [active, inUse, idle, connecting, waiting] = gauges(pool);
      return inUse === 0 && connecting === 0 && waiting === 0 && active === idle;
    },
    `rest of ${JSON.stringify(pool.statistics)}`,
  );
  assert.equal(pool.statistics.oldestLease, null);
}

/** A reply that a scripted server gives once `release` is called. */
export function answerLater(text: string): { answer: () => Promise<string>; release: () => void } {
  let release!: () => void;
  const held = new Promise<string>((resolve) => {
    release = () => resolve(text);
  });
  return { answer: () => held, release };
}

/** The error of a promise that must reject. */
export async function failure(promise: PromiseLike<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  assert.fail('it did not reject');
}

/** The clients of the package at the server. */
export async function clients(server: { command(...args: string[]): Promise<unknown> }): Promise<string[]> {
  const list = String(await server.command('CLIENT', 'LIST'));
  return list.split('\n').filter((line) => line !== '' && !line.includes('name=respool-testkit'));
}

export async function blockedClients(server: {
  command(...args: string[]): Promise<unknown>;
}): Promise<number> {
  const info = String(await server.command('INFO', 'clients'));
  return Number(/blocked_clients:(\d+)/.exec(info)?.[1]);
}

export function texts(replies: readonly Reply[]): string[] {
  return replies.map((reply) => String(reply));
}
