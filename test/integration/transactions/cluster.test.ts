import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  ClusterCrossSlotError,
  type ClusterConnectionPool,
  defineScript,
  TimeoutError,
} from '../../../src/index.ts';
import type { ClusterNode, TestCluster } from '../../../src/testkit/index.ts';
import { keySlot } from '../../../src/commands/key-slot.ts';
import { eventually, keysOfSlot, keyWhere, useCluster } from '../cluster/support.ts';
import { Money } from './money.ts';

/** Transactions that the node put off, because not all of their keys had come. */
async function refusalsOf(node: ClusterNode): Promise<number> {
  const info = String(await node.command('INFO', 'errorstats'));
  return Number(/errorstat_TRYAGAIN:count=(\d+)/.exec(info)?.[1] ?? 0);
}

describe('transactions and scripts on a cluster', () => {
  let cluster: TestCluster;
  let pool: ClusterConnectionPool<true>;
  useCluster({ primaries: 3, replicasPerPrimary: 1 }, (...started) => {
    [cluster, pool] = started;
  });

  /** Moves the slot with its keys to another primary. */
  const moveSlot = async (slot: number): Promise<void> => {
    const source = await cluster.nodeForSlot(slot);
    const target = (await cluster.primaries()).find((node) => node !== source);
    await cluster.migrateSlot(slot, target!);
  };

  it('a transaction goes to the node of its keys, on every shard', async () => {
    for (const slot of [0, 5_000, 8_000, 16_383]) {
      const [a, b] = keysOfSlot(slot, 2) as [string, string];
      const replies = await pool.transaction([
        { command: 'SET', args: [a, slot] },
        { command: 'PING' },
        { command: 'APPEND', args: [b, 'x'] },
        { command: 'GET', args: [a] },
      ]);
      assert.deepEqual(replies, ['OK', 'PONG', 1, String(slot)]);
    }
    assert.deepEqual(await pool.transaction([{ command: 'PING' }]), ['PONG']);
  });

  it('keys of several slots are refused before anything is sent', async () => {
    const commands = [
      { command: 'SET', args: ['a', 1] },
      { command: 'SET', args: ['b', 1] },
    ];
    await assert.rejects(pool.transaction(commands), ClusterCrossSlotError);
    await assert.rejects(
      pool.watch(['a'], () => commands.slice(1)),
      ClusterCrossSlotError,
    );
    await assert.rejects(
      pool.watch(['a', 'b'], () => null),
      ClusterCrossSlotError,
    );
    await assert.rejects(pool.transaction([{ command: 'FLUSHALL' }]), /executeOn/);
  });

  it('a transaction and a watch follow a moved slot, and run once', async () => {
    const key = keyWhere((slot) => slot > 1_000, 'moved');
    await pool.execute('SET', key, 0);
    await moveSlot(keySlot(key));
    assert.deepEqual(await pool.transaction([{ command: 'INCR', args: [key] }]), [1]);
    await moveSlot(keySlot(key));
    const replies = await pool.watch([key], async (connection) => {
      const value = Number(await connection.execute('GET', key));
      return [{ command: 'SET', args: [key, value + 1] }];
    });
    assert.deepEqual(replies, ['OK']);
    assert.equal(await pool.execute('GET', key), '2');
  });

  it('a transaction waits until the last of its keys has moved', async () => {
    const slot = 6_000;
    const keys = keysOfSlot(slot, 3).map((key) => `${key}:half`);
    for (const key of keys) await pool.execute('SET', key, 0);
    const source = await cluster.nodeForSlot(slot);
    const target = (await cluster.primaries()).find((node) => node !== source);
    const migration = await cluster.beginMigration(slot, target!);
    await migration.moveKeys(1);
    await target!.command('CONFIG', 'RESETSTAT');
    const commands = keys.map((key) => ({ command: 'INCR', args: [key] }));
    const waiting = pool.transaction(commands, { timeout: 20_000 });
    // More rounds between the two nodes than redirects are allowed.
    await eventually('eight refusals', async () => (await refusalsOf(target!)) > 8);
    await migration.moveKeys(100);
    await migration.finish();
    assert.deepEqual(await waiting, [1, 1, 1]);
  });

  it('a script runs on every node that has its keys, and after a failover', async () => {
    const script = defineScript<number>({ lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])", keys: 1 });
    const keys = [0, 5_000, 8_000, 16_383]
      .flatMap((slot) => keysOfSlot(slot, 1))
      .map((key) => `${key}:script`);
    for (const key of keys) assert.equal(await pool.run(script, [key], [3]), 3);
    await cluster.failover(keySlot(keys[0]!));
    for (const key of keys) assert.equal(await pool.run(script, [key], [3], { timeout: 10_000 }), 6);
    const replies = await pool.transaction([
      script.command([keys[0]!], [1]),
      { command: 'GET', args: [keys[0]!] },
    ]);
    assert.deepEqual(replies, [7, '7']);
  });

  it('money is conserved while a primary is killed, fails over, and slots move', async () => {
    const slot = 9_000;
    const accounts = keysOfSlot(slot, 8).map((key) => `${key}:account`);
    const money = await Money.start(pool, accounts, 6);
    await money.more(50);
    await cluster.failover(slot);
    await money.more(50);
    await moveSlot(slot);
    await money.more(50);
    const killed = await cluster.killPrimary(slot);
    await cluster.waitForNewPrimary(slot, killed);
    await money.more(50);
    await money.stop();
    assert.equal(await money.sum(), 800);
    const late = money.failures.filter((error) => error instanceof TimeoutError);
    assert.deepEqual(late.map(String), [], 'nobody waited for the dead primary until its limit');
  });
});
