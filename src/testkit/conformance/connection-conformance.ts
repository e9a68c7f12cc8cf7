import { nameClass } from '../../base/classes.ts';
import assert from 'node:assert/strict';
import type { AbstractConnection } from '../../interfaces/abstract-connection.ts';
import { pubsubCases } from './pubsub-cases.ts';
import {
  bytesOf,
  type ConformanceCase,
  type ConnectionCase,
  fresh,
  type MakeConnection,
  rejection,
  rejectsWithName,
  soon,
} from './suite.ts';

const BAD_ARGUMENTS: readonly unknown[] = [undefined, null, true, {}, [], Number.NaN, Symbol('s')];

const CASES: Record<string, ConnectionCase> = {
  'a new one is open, subscribed to nothing, and says where it is': async (connection) => {
    assert.equal(connection.closed, false);
    assert.equal(connection.inPubsub, 0);
    assert.ok(Number.isInteger(connection.db));
    assert.ok(connection.address === null || typeof connection.address === 'string');
    assert.ok(connection.encoding === null || typeof connection.encoding === 'string');
    for (const map of [
      connection.pubsubChannels,
      connection.pubsubPatterns,
      connection.pubsubShardChannels,
    ]) {
      assert.deepEqual([map.size, [...map.keys()], [...map]], [0, [], []]);
      assert.deepEqual([map.get('x'), map.all('x'), map.has('x')], [undefined, [], false]);
    }
  },
  'commands as text or bytes, in any case': async (connection) => {
    for (const command of ['ECHO', 'echo', Buffer.from('Echo')]) {
      assert.equal(String(await soon('ECHO', connection.execute(command, 'hello'))), 'hello');
    }
  },
  'arguments: text, bytes, numbers and big integers, exactly': async (connection) => {
    // Valid in every encoding, so that connections which decode return it too.
    const bytes = Buffer.from([0, 127, 13, 10, 36, 42]);
    const echo = async (value: string | Uint8Array | number | bigint): Promise<Buffer> =>
      bytesOf(await soon('ECHO', connection.execute('ECHO', value)));
    assert.deepEqual(await echo(bytes), bytes);
    assert.deepEqual(await echo(new Uint8Array(bytes)), bytes);
    assert.equal(String(await echo('žluť 日本')), 'žluť 日本');
    assert.equal(String(await echo('')), '');
    assert.equal(String(await echo(1.5)), '1.5');
    assert.equal(String(await echo(-7)), '-7');
    assert.equal(String(await echo(12345678901234567890n)), '12345678901234567890');
  },
  'an argument that cannot be sent is a TypeError, and the next command is answered': async (connection) => {
    for (const value of BAD_ARGUMENTS) {
      await rejectsWithName('execute()', 'TypeError', () => connection.execute('ECHO', value as string));
    }
    assert.equal(String(await soon('ECHO', connection.execute('ECHO', 'after'))), 'after');
  },
  'calls that do not wait for each other get their own replies': async (connection) => {
    const replies = await soon(
      'replies',
      Promise.all(Array.from({ length: 100 }, (_, at) => connection.execute('ECHO', at))),
    );
    assert.deepEqual(
      replies.map(String),
      Array.from({ length: 100 }, (_, at) => String(at)),
    );
  },
  'an error reply rejects its call alone': async (connection) => {
    const key = fresh('string');
    await soon('SET', connection.execute('SET', key, 'text'));
    const bad = rejection('LPUSH', () => connection.execute('LPUSH', key, 'x'));
    const good = connection.execute('ECHO', 'fine');
    assert.match(String(await bad), /WRONGTYPE/i);
    assert.equal(String(await soon('ECHO', good)), 'fine');
    await rejection('an unknown command', () => connection.execute('NO-SUCH-COMMAND'));
    await soon('DEL', connection.execute('DEL', key));
  },
  'waitClosed() closes nothing, and can be given up': async (connection) => {
    await rejectsWithName('waitClosed()', 'TimeoutError', () => connection.waitClosed({ timeout: 10 }));
    const reason = new Error('enough');
    const given = await rejection('waitClosed()', () =>
      connection.waitClosed({ signal: AbortSignal.abort(reason) }),
    );
    assert.equal(given, reason);
    assert.equal(connection.closed, false);
    assert.equal(String(await soon('ECHO', connection.execute('ECHO', 'open'))), 'open');
  },
  'close(): closed at once, idempotent; later calls reject': async (connection) => {
    const waiting = connection.waitClosed();
    const closing = connection.close();
    assert.equal(connection.closed, true);
    await soon('close()', Promise.all([closing, connection.close()]));
    await soon('waitClosed()', Promise.all([waiting, connection.waitClosed()]));
    assert.ok((await rejection('execute()', () => connection.execute('PING'))) instanceof Error);
    const error = await rejection('executePubsub()', () => connection.executePubsub('SUBSCRIBE', 'x'));
    assert.ok(error instanceof Error && !(error instanceof TypeError));
    assert.equal(connection.inPubsub, 0);
  },
};

/**
 * Cases that every connection must pass, and so every pool.
 *
 * @example for (const { name, run } of connectionConformance(() => open())) test(name, run);
 */
export function connectionConformance(make: MakeConnection): ConformanceCase[] {
  return casesOf('connection', make, { ...CASES, ...pubsubCases(make) });
}
nameClass(connectionConformance, 'connectionConformance');

/** Runs each case with its own connection or pool, and closes that afterwards. */
export function casesOf<C extends AbstractConnection>(
  subject: string,
  make: MakeConnection<C>,
  cases: Record<string, (one: C) => Promise<void>>,
): ConformanceCase[] {
  return Object.entries(cases).map(([name, check]) => ({
    name: `${subject}: ${name}`,
    async run() {
      const one = await make();
      try {
        await check(one);
      } finally {
        await soon('close()', Promise.resolve(one.close()));
        await soon('waitClosed()', one.waitClosed());
      }
    },
  }));
}
