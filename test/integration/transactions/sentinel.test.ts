import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { defineScript, SentinelConnectionPool } from '../../../src/index.ts';
import { startSentinel, type TestSentinel } from '../../../src/testkit/index.ts';
import { Money } from './money.ts';

describe('transactions and scripts on a sentinel pool', () => {
  let group: TestSentinel;
  let pool: SentinelConnectionPool<true>;
  before(async () => {
    group = await startSentinel({ replicas: 2, sentinels: 3 });
    pool = SentinelConnectionPool.fromUrl(group.url, { decodeResponses: true });
  });
  after(async () => {
    await pool.close();
    await group.stop();
  });

  it('a script is loaded again after a failover', async () => {
    const script = defineScript<number>({ lua: "return redis.call('INCR', KEYS[1])", keys: 1 });
    assert.equal(await pool.run(script, ['s']), 1);
    await group.failover();
    assert.equal(await pool.run(script, ['s'], [], { timeout: 15_000 }), 2);
    const replies = await pool.transaction([script.command(['s']), { command: 'GET', args: ['s'] }], {
      timeout: 15_000,
    });
    assert.deepEqual(replies, [3, '3']);
  });

  it('money is conserved while the primary fails over and is killed', async () => {
    const accounts = Array.from({ length: 8 }, (_, index) => `account:${index}`);
    const money = await Money.start(pool, accounts, 6);
    await money.more(50);
    await group.failover();
    await money.more(50);
    const dead = await group.killPrimary();
    await group.waitForPrimary(dead);
    await money.more(50);
    await money.stop();
    assert.equal(await money.sum(), 800);
  });
});
