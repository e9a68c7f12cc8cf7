import { nameClass } from '../../base/classes.ts';
import assert from 'node:assert/strict';
import { AbstractConnection } from '../../interfaces/abstract-connection.ts';
import type { AbstractPool } from '../../interfaces/abstract-pool.ts';
import { casesOf, connectionConformance } from './connection-conformance.ts';
import type { MakeConnection } from './suite.ts';
import { type ConformanceCase, rejection, rejectsWithName, sleep, soon } from './suite.ts';

const CASES: Record<string, (pool: AbstractPool) => Promise<void>> = {
  'acquire() gives an open connection for its holder alone': async (pool) => {
    const [one, two] = await soon('acquire()', Promise.all([pool.acquire(), pool.acquire()]));
    assert.ok(one.connection instanceof AbstractConnection);
    assert.notEqual(one.connection, two.connection);
    for (const { connection } of [one, two]) {
      assert.equal(connection.closed, false);
      assert.equal(String(await soon('ECHO', connection.execute('ECHO', 'mine'))), 'mine');
    }
    one.release();
    two.release();
  },
  'release() of a lease is idempotent and leaves a later lease alone': async (pool) => {
    const first = await soon('acquire()', pool.acquire());
    first.release();
    first.release();
    const second = await soon('acquire()', pool.acquire());
    first.release();
    const third = await soon('acquire()', pool.acquire());
    assert.notEqual(third.connection, second.connection);
    second.release();
    third.release();
  },
  'a lease ends with its scope': async (pool) => {
    const first = await soon('acquire()', pool.acquire());
    const { connection } = first;
    first[Symbol.dispose]();
    assert.throws(() => pool.release(connection));
    const second = await soon('acquire()', pool.acquire());
    await second[Symbol.asyncDispose]();
    assert.throws(() => pool.release(second.connection));
  },
  'release() takes back what was leased out, and throws for anything else': async (pool) => {
    const lease = await soon('acquire()', pool.acquire());
    pool.release(lease.connection);
    assert.throws(() => pool.release(lease.connection));
    assert.throws(() => pool.release({} as AbstractConnection));
    const again = await soon('acquire()', pool.acquire());
    again.release();
  },
  'tryGetConnection() gives one at once, to be released, or null': async (pool) => {
    const lease = await soon('acquire()', pool.acquire());
    lease.release();
    const connection = pool.tryGetConnection();
    if (connection === null) return;
    assert.ok(connection instanceof AbstractConnection);
    assert.equal(String(await soon('ECHO', connection.execute('ECHO', 'mine'))), 'mine');
    pool.release(connection);
    assert.throws(() => pool.release(connection));
  },
  'a connection comes back as others expect it': async (pool) => {
    const lease = await soon('acquire()', pool.acquire());
    await soon('MULTI', lease.connection.execute('MULTI'));
    lease.release();
    const next = await soon('acquire()', pool.acquire());
    assert.equal(
      String(await soon('ECHO', next.connection.execute('ECHO', 'no transaction'))),
      'no transaction',
    );
    next.release();
    assert.equal(String(await soon('ECHO', pool.execute('ECHO', 'nor here'))), 'nor here');
  },
  'execute() goes on while connections are leased': async (pool) => {
    const lease = await soon('acquire()', pool.acquire());
    assert.equal(String(await soon('ECHO', pool.execute('ECHO', 'meanwhile'))), 'meanwhile');
    lease.release();
  },
  'acquire() rejects with the reason of its signal': async (pool) => {
    const reason = new Error('enough');
    const signal = AbortSignal.abort(reason);
    assert.equal(await rejection('acquire()', () => pool.acquire({ signal })), reason);
  },
  'close(): acquire() rejects, leases may still be released': async (pool) => {
    const lease = await soon('acquire()', pool.acquire());
    const closing = Promise.resolve(pool.close());
    assert.equal(pool.closed, true);
    await rejectsWithName('acquire()', 'Error', () => pool.acquire());
    assert.equal(pool.tryGetConnection(), null);
    lease.release();
    await soon('close()', closing, 10_000);
    await soon('waitClosed()', pool.waitClosed());
    await sleep(1);
    assert.equal(lease.connection.closed, true);
  },
};

/**
 * Cases that every pool must pass: all of `connectionConformance`, and those for leases. The pool must allow at least
 * two connections at a time.
 *
 * @example for (const { name, run } of poolConformance(() => new MyPool(…))) test(name, run);
 */
export function poolConformance(make: MakeConnection<AbstractPool>): ConformanceCase[] {
  return [...connectionConformance(make), ...casesOf('pool', make, CASES)];
}
nameClass(poolConformance, 'poolConformance');
