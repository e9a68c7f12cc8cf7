import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Reply,
  type SentinelConnectionPool,
  TCPConnection,
  type TCPLocation,
} from '../../../src/index.ts';
import type { TestSentinel, TestServer } from '../../../src/testkit/index.ts';

export { sleep };

/** Waits until the condition holds; the error names it. */
export async function eventually(
  what: string,
  check: () => boolean | Promise<boolean>,
  timeout = 15_000,
): Promise<void> {
  const end = Date.now() + timeout;
  while (!(await check())) {
    if (Date.now() > end) throw new Error(`it did not happen in ${timeout} ms: ${what}`);
    await sleep(10);
  }
}

export interface Announcement {
  readonly at: number;
  readonly port: number;
}

/** The announcements of the sentinels, with the time of their arrival. */
export class Announcements implements AsyncDisposable {
  readonly all: Announcement[] = [];
  readonly #connections: TCPConnection[] = [];

  static async of(group: TestSentinel): Promise<Announcements> {
    const heard = new Announcements();
    for (const { location } of group.sentinels) await heard.#listen(location, group.sentinelPassword);
    return heard;
  }

  /** The first that names another primary than that one, from a moment on. */
  async next(old: TestServer, since: number): Promise<Announcement> {
    const found = (): Announcement | undefined =>
      this.all.find(({ at, port }) => at >= since && port !== old.port);
    await eventually('a sentinel announces a new primary', () => found() !== undefined, 30_000);
    return found() as Announcement;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#connections) await connection.close();
  }

  async #listen(location: TCPLocation, password: string | null): Promise<void> {
    const connection = new TCPConnection(location, { decodeResponses: true, password });
    this.#connections.push(connection);
    await connection.run();
    connection.sendCommand('SUBSCRIBE', ['+switch-master']);
    void this.#read(connection.pushMessages);
  }

  async #read(messages: AsyncGenerator<Reply[]>): Promise<void> {
    try {
      for await (const [kind, , payload] of messages) {
        if (kind !== 'message') continue;
        this.all.push({ at: Date.now(), port: Number(String(payload).split(' ')[4]) });
      }
    } catch {
      // The sentinel was ended or the test is over.
    }
  }
}

export interface Written {
  readonly at: number;
  readonly client: string;
  readonly text: string;
}

/** Every write that a server sees from a client, replication not counted. */
export class Monitor implements AsyncDisposable {
  readonly writes: Written[] = [];
  readonly #connection: TCPConnection;
  readonly #own: ReadonlySet<string>;

  private constructor(connection: TCPConnection, own: ReadonlySet<string>) {
    this.#connection = connection;
    this.#own = own;
  }

  static async of(server: TestServer, group: TestSentinel): Promise<Monitor> {
    const connection = new TCPConnection(server.location, {
      decodeResponses: true,
      password: group.password,
    });
    await connection.run();
    const own = new Set(group.servers.map(({ port }) => `127.0.0.1:${port}`));
    const monitor = new Monitor(connection, own);
    connection.sendCommand('MONITOR');
    void monitor.#read(connection.streamedMessages);
    return monitor;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.close();
  }

  async #read(lines: AsyncGenerator<Reply>): Promise<void> {
    try {
      for await (const line of lines) {
        const [, seconds, client = '', text = ''] =
          /^(\d+\.\d+) \[\d+ ([^\]]+)\] (.*)$/.exec(String(line)) ?? [];
        if (this.#own.has(client) || !/^"set"/i.test(text)) continue;
        this.writes.push({ at: Number(seconds) * 1_000, client, text });
      }
    } catch {
      // The server was ended or the test is over.
    }
  }
}

export interface Success {
  readonly startedAt: number;
  readonly at: number;
}

/** Lanes that write and read at the same time, each checking what it gets. */
export class Load {
  readonly writes: Success[] = [];
  readonly errors: Error[] = [];
  /** Wrong answers. */
  wrong = 0;
  #on = true;
  readonly #lanes: Promise<void>[];

  constructor(pool: SentinelConnectionPool, lanes = 16) {
    this.#lanes = Array.from({ length: lanes }, (_, lane) => this.#lane(pool, lane));
  }

  async stop(): Promise<void> {
    this.#on = false;
    await Promise.all(this.#lanes);
  }

  /** The first write that began after a moment and succeeded. */
  firstAfter(moment: number): Success | undefined {
    return this.writes.filter(({ startedAt }) => startedAt >= moment).sort((a, b) => a.at - b.at)[0];
  }
  /** The first success after a moment, whenever it was called. */
  successAfter(moment: number): Success | undefined {
    return this.writes.find(({ at }) => at >= moment);
  }

  async #lane(pool: SentinelConnectionPool, lane: number): Promise<void> {
    for (let n = 0; this.#on; n++) {
      const token = `${lane}-${n}`;
      const startedAt = Date.now();
      try {
        const [set, echo] = await Promise.all([
          pool.executeRequest('SET', [`load:${lane}`, token], { timeout: 20_000, decode: true }),
          pool.executeRequest('ECHO', [token], { timeout: 20_000, decode: true }),
        ]);
        if (String(set) !== 'OK' || String(echo) !== token) this.wrong++;
        this.writes.push({ startedAt, at: Date.now() });
      } catch (error) {
        this.errors.push(error as Error);
      }
      await sleep(2);
    }
  }
}
