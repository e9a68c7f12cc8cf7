import assert from 'node:assert/strict';
import { isUint8Array } from 'node:util/types';
import type { AbstractConnection } from '../../interfaces/abstract-connection.ts';

/** Makes a new, open connection, or pool, to a server that holds nothing of value. */
export type MakeConnection<C extends AbstractConnection = AbstractConnection> = () => C | Promise<C>;
export type ConnectionCase = (connection: AbstractConnection) => Promise<void>;

/** One thing that has to hold. `run` rejects with an `AssertionError` that says what does not. */
export interface ConformanceCase {
  readonly name: string;
  run(): Promise<void>;
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits for a promise; fails with the name `what` after `limit` ms. */
export async function soon<T>(what: string, promise: PromiseLike<T>, limit = 5_000): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new assert.AssertionError({ message: `${what}: not within ${limit} ms` })),
      limit,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

export async function until(what: string, check: () => boolean, limit = 5_000): Promise<void> {
  for (const end = performance.now() + limit; !check(); await sleep(2)) {
    assert.ok(performance.now() < end, `${what}: not within ${limit} ms`);
  }
}

/** The rejection reason of a call; fails if the call throws, resolves or hangs. */
export async function rejection(what: string, call: () => PromiseLike<unknown>): Promise<unknown> {
  let promise: PromiseLike<unknown>;
  try {
    promise = call();
  } catch (error) {
    assert.fail(`${what}: it threw instead of rejecting: ${String(error)}`);
  }
  try {
    await soon(what, promise);
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    return error;
  }
  assert.fail(`${what}: it did not reject`);
}

export async function rejectsWithName(
  what: string,
  name: string,
  call: () => PromiseLike<unknown>,
): Promise<void> {
  const error = await rejection(what, call);
  assert.ok(error instanceof Error && names(error).includes(name), `${what}: ${String(error)} is no ${name}`);
}

/** The names of an error's class and its superclasses. */
function names(error: object): string[] {
  const found = [];
  for (let at: object | null = error; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    found.push(at.constructor.name, String((at as { name?: unknown }).name));
  }
  return found;
}

export function bytesOf(value: unknown): Buffer {
  assert.ok(typeof value === 'string' || isUint8Array(value), `text or bytes; got ${typeof value}`);
  return Buffer.from(value as string);
}

let counter = 0;
/** A unique name. */
export function fresh(what: string): string {
  return `conformance:${process.pid}:${what}:${++counter}`;
}
