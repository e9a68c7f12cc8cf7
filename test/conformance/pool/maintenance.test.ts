import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type BaseConnection,
  Channel,
  ConnectionError,
  ConnectionPool,
  TimeoutError,
} from '../../../src/index.ts';
import { coreOf } from '../../../src/connection/base-connection.ts';
import type { ConnectionPoolOptions } from '../../../src/index.ts';
import { reply, type ScriptedReply, ScriptedServer } from '../../../src/testkit/index.ts';

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function eventually(what: string, check: () => boolean): Promise<void> {
  for (let left = 1_000; !check(); left--) {
    if (left === 0) throw new Error(`waited in vain for: ${what}`);
    await sleep(10);
  }
}

/** `MOVING 17 15 host:port` and its like. */
const push = (...parts: (string | number | null)[]): string =>
  `>${parts.length}\r\n${parts
    .map((part) =>
      part === null
        ? reply.null
        : typeof part === 'number' && Number.isInteger(part)
          ? reply.integer(part)
          : reply.bulk(String(part)),
    )
    .join('')}`;

interface Managed {
  readonly server: ScriptedServer;
  /** Questions for notifications, with their arguments. */
  readonly asked: string[];
  /** Sends a push to every connection that asked for them. */
  tell(...parts: (string | number | null)[]): void;
  /** Stops or resumes the answers to all commands. */
  stall(on: boolean): void;
  readonly gets: () => number;
  /** Whether the n-th connection is closed. */
  gone(index: number): boolean;
  /** Open connections. */
  open(): number;
}

/** A server that announces its maintenance, as managed services do. */
async function managed(): Promise<Managed> {
  const asked: string[] = [];
  let gets = 0;
  let stalled: Promise<void> | null = null;
  let go = (): void => {};
  const gone = new Set<unknown>();
  const met = new Set<unknown>();
  const server = await ScriptedServer.start({});
  server.script((args, connection): ScriptedReply | Promise<ScriptedReply> => {
    if (!met.has(connection)) {
      met.add(connection);
      void connection.closed.then(() => gone.add(connection));
    }
    if (args[0] === 'SUBSCRIBE') {
      connection.send(push('subscribe', String(args[1]), 1));
      return null;
    }
    const words = args.slice(0, 2).join(' ').toUpperCase();
    if (words === 'CLIENT MAINT_NOTIFICATIONS') {
      asked.push(args.slice(2).join(' '));
      return reply.ok;
    }
    if (args[0] === 'GET') {
      gets++;
      const answer = reply.bulk(String(server.port));
      return stalled === null ? answer : stalled.then(() => answer);
    }
    return undefined;
  });
  return {
    server,
    asked,
    tell: (...parts) => {
      for (const connection of server.connections) connection.send(push(...parts));
    },
    stall: (on) => {
      go();
      stalled = on ? new Promise((resolve) => (go = resolve)) : null;
    },
    gets: () => gets,
    gone: (index) => gone.has([...met][index]),
    open: () => met.size - gone.size,
  };
}

const poolTo = (
  { server }: Managed,
  options: Partial<ConnectionPoolOptions> = {},
): ConnectionPool<BaseConnection, true> =>
  new ConnectionPool({ host: server.host, port: server.port, decodeResponses: true, ...options }) as never;

describe('servers that announce maintenance', () => {
  test('MOVING under load dials the successor first: no command fails, leases finish, subscriptions have a gap', async () => {
    const old = await managed();
    const next = await managed();
    await using pool = poolTo(old);
    const channel = new Channel('news');
    await pool.executePubsub('SUBSCRIBE', channel);
    const lease = await pool.acquire();
    let over = false;
    const ports = new Set<string>();
    const load = Promise.all(
      Array.from({ length: 8 }, async () => {
        while (!over) {
          ports.add(String(await pool.execute('GET', 'key')));
          await sleep(1);
        }
      }),
    );
    await eventually('the load runs', () => old.gets() > 50);
    old.tell('MOVING', 17, 5, `${next.server.host}:${next.server.port}`);
    await eventually('the load is at the successor', () => next.gets() > 50);
    assert.equal(await lease.connection.execute('GET', 'key'), String(old.server.port));
    lease.release();
    await eventually('the old server is left', () => old.open() === 0);
    await eventually('the subscription is there', () => pool.pubsubChannels.size === 1 && channel.gaps === 1);
    over = true;
    await load;
    assert.deepEqual(ports, new Set([String(old.server.port), String(next.server.port)]));
    assert.ok(next.asked.length > 0);
    await old.server.close();
    await next.server.close();
  });

  test('MOVING without an endpoint dials the same address again after half of the time', async () => {
    const only = await managed();
    await using pool = poolTo(only);
    await pool.execute('GET', 'key');
    only.tell('MOVING', 1, 0.4, null);
    await sleep(100);
    assert.equal(only.gone(0), false);
    await eventually('it is replaced', () => only.gone(0));
    assert.equal(await pool.execute('GET', 'key'), String(only.server.port));
    await only.server.close();
  });

  test('an unreachable successor sends the pool back to the given address', async () => {
    const only = await managed();
    await using pool = poolTo(only);
    await pool.execute('GET', 'key');
    only.tell('MOVING', 1, 5, '127.0.0.1:1');
    for (let n = 0; n < 30; n++) {
      assert.equal(await pool.executeRequest('GET', ['key'], { timeout: 5_000 }), String(only.server.port));
      await sleep(5);
    }
    await only.server.close();
  });

  for (const [begin, end] of [
    ['MIGRATING', 'MIGRATED'],
    ['FAILING_OVER', 'FAILED_OVER'],
  ] as const) {
    test(`between ${begin} and ${end} silence is no fault; a limit of the caller holds`, async () => {
      const only = await managed();
      await using pool = poolTo(only, { streamTimeout: 100, deadPeerTimeout: 200 });
      await pool.execute('GET', 'key');
      only.tell(begin, 1, 10);
      only.stall(true);
      const waiting = pool.execute('GET', 'key');
      await assert.rejects(pool.executeRequest('GET', ['key'], { timeout: 150 }), TimeoutError);
      await sleep(400);
      only.stall(false);
      assert.equal(await waiting, String(only.server.port));
      only.tell(end, 2);
      await pool.execute('GET', 'key');
      only.stall(true);
      await assert.rejects(pool.execute('GET', 'key'), TimeoutError);
      await eventually('the silent peer is left', () => only.gone(0));
      only.stall(false);
      await only.server.close();
    });
  }

  test('relaxed limits end with the announced time', async () => {
    const only = await managed();
    await using pool = poolTo(only, { streamTimeout: 50 });
    await pool.execute('GET', 'key');
    only.tell('MIGRATING', 1, 0.3);
    only.stall(true);
    const begun = performance.now();
    await assert.rejects(pool.execute('GET', 'key'), TimeoutError);
    assert.ok(performance.now() - begun > 200);
    only.stall(false);
    await only.server.close();
  });

  test('no announcement relaxes limits for more than 30 s', async () => {
    const only = await managed();
    await using pool = poolTo(only);
    await using lease = await pool.acquire();
    const core = coreOf(lease.connection);
    for (const seconds of [600, null, 'a while', -1]) {
      core.relaxedUntil = 0;
      only.tell('FAILING_OVER', 1, seconds);
      await eventually('it is heard', () => core.relaxedUntil > 0);
      const left = core.relaxedUntil - performance.now();
      assert.ok(left > 0 && left <= 30_000, `${left} ms for ${seconds}`);
    }
    await only.server.close();
  });

  test('option maintNotifications: the handshake asks for the kind of address; a refusal is reported once per endpoint', async () => {
    const only = await managed();
    await using pool = poolTo(only);
    await pool.execute('GET', 'key');
    assert.deepEqual(only.asked, ['ON moving-endpoint-type internal-ip']);
    await using quiet = poolTo(only, { maintNotifications: false });
    await quiet.execute('GET', 'key');
    await using old = poolTo(only, { protocol: 2 });
    await old.execute('GET', 'key');
    assert.equal(only.asked.length, 1);
    await only.server.close();

    let refusals = 0;
    const without = await ScriptedServer.start({
      'CLIENT MAINT_NOTIFICATIONS': () => {
        refusals++;
        return reply.error('ERR unknown subcommand');
      },
    });
    for (let n = 0; n < 3; n++) {
      await using one = new ConnectionPool({ location: without.location });
      await one.execute('PING');
    }
    assert.equal(refusals, 1);
    await without.close();
    assert.throws(() => poolTo(only, { maintNotifications: true as never }), /maintNotifications/);
  });

  test('unknown and malformed pushes do no harm', async () => {
    const only = await managed();
    await using pool = poolTo(only);
    await pool.execute('GET', 'key');
    for (const parts of [
      ['SMIGRATED', 1, 'x'],
      ['surprise'],
      ['MOVING'],
      ['MOVING', 1, 'soon', 'not an address'],
      ['MIGRATING', null, null],
      ['FAILED_OVER'],
    ])
      only.tell(...(parts as string[]));
    for (let n = 0; n < 20; n++) assert.equal(await pool.execute('GET', 'key'), String(only.server.port));
    assert.equal(only.open(), 1);
    assert.equal(only.gone(0), false);
    await using lease = await pool.acquire();
    const pushes = lease.connection.pushMessages;
    only.tell('surprise', 'for the lease');
    assert.deepEqual((await pushes.next()).value, ['surprise', 'for the lease']);
    lease.connection.invalidate('end');
    await assert.rejects(
      pool.execute('GET', 'key').then(() => lease.connection.execute('GET', 'key')),
      ConnectionError,
    );
    await only.server.close();
  });
});
