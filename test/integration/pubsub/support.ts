import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { AbstractChannel, Channel, type ChannelGap, type ChannelOptions } from '../../../src/index.ts';
import { startServer, type TestServer } from '../../../src/testkit/index.ts';

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
/** The long form of tests that have a short one. */
export const FULL = process.env['RESPOOL_FULL'] === '1';

export async function until(
  check: () => boolean | Promise<boolean>,
  what: string,
  timeout = 15_000,
): Promise<void> {
  const deadline = performance.now() + timeout;
  while (!(await check())) {
    assert.ok(performance.now() < deadline, `not within ${timeout} ms: ${what}`);
    await sleep(5);
  }
}

/** Starts a server, and one that knows no HELLO, before the tests of the file; stops them after. */
export function useServers(started: (server: TestServer, old: TestServer) => unknown): void {
  const servers: TestServer[] = [];
  // One hook: the runner may begin a test between two hooks of a file.
  before(async () => {
    servers.push(await startServer());
    servers.push(await startServer({ args: ['--rename-command', 'HELLO', ''] }));
    const [server, old] = servers as [TestServer, TestServer];
    await started(server, old);
  });
  after(() => Promise.all(servers.map((server) => server.stop())));
}

/** The numbers and gaps that one channel received, in order. */
export class Heard {
  readonly log: (number | ChannelGap)[] = [];
  get numbers(): number[] {
    return this.log.filter((entry) => typeof entry === 'number');
  }
  get gaps(): ChannelGap[] {
    return this.log.filter((entry) => typeof entry !== 'number');
  }

  /** Numbers follow each other; where some are missing there is a gap; none comes twice. */
  check(what: string): void {
    let last: number | null = null;
    let hole = false;
    for (const entry of this.log) {
      if (typeof entry !== 'number') {
        hole = true;
        assert.ok(entry.reason instanceof Error, what);
        assert.ok(entry.from <= entry.to, `${what}: a gap from ${entry.from} to ${entry.to}`);
        continue;
      }
      if (last !== null) {
        assert.ok(entry > last, `${what}: ${entry} after ${last}`);
        assert.ok(
          hole || entry === last + 1,
          `${what}: nothing was said of what is missing between ${last} and ${entry}`,
        );
      }
      last = entry;
      hole = false;
    }
  }
}

/** A channel of another class, which takes every message at once. */
export class Recorder extends AbstractChannel {
  readonly name: Buffer;
  readonly isPattern: boolean;
  readonly heard = new Heard();
  closed = false;
  closedWith: Error | undefined;

  constructor(name: string | Buffer, isPattern = false) {
    super();
    this.name = Buffer.from(name as string);
    this.isPattern = isPattern;
  }
  get isActive(): boolean {
    return !this.closed;
  }
  putNowait(data: Buffer | readonly [Buffer, Buffer]): void {
    assert.equal(this.closed, false, 'a message after close()');
    assert.equal(Array.isArray(data), this.isPattern);
    this.heard.log.push(Number(this.isPattern ? data[1] : data));
  }
  get(): Promise<unknown> {
    return Promise.reject(new Error('nobody may call this'));
  }
  close(error?: Error): void {
    assert.equal(this.closed, false, 'closed twice');
    this.closed = true;
    this.closedWith = error;
  }
  override gap(gap: ChannelGap): void {
    this.heard.log.push(gap);
  }
}

/** A channel of the package whose reader keeps up. */
export function readChannel(
  name: string,
  options: ChannelOptions<Buffer> = {},
): { channel: Channel; heard: Heard; done: Promise<void> } {
  const heard = new Heard();
  const channel = new Channel(name, { ...options, onGap: (gap) => heard.log.push(gap) });
  const done = (async () => {
    for await (const message of channel)
      heard.log.push(Number(Array.isArray(message) ? message[1] : message));
  })();
  return { channel, heard, done };
}

/** The subscriptions at the server. */
export async function serverSets(
  server: TestServer,
): Promise<{ channels: string[]; patterns: number; connections: number }> {
  const channels = (await server.command('PUBSUB', 'CHANNELS')) as string[];
  const patterns = Number(await server.command('PUBSUB', 'NUMPAT'));
  const list = String(await server.command('CLIENT', 'LIST', 'TYPE', 'pubsub'));
  return {
    channels: channels.toSorted(),
    patterns,
    connections: list.split('\n').filter((line) => line.length > 0).length,
  };
}

export const names = (map: { keys(): Iterable<Buffer> }): string[] => [...map.keys()].map(String).toSorted();
