import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ResponseError } from '../../../src/index.ts';
import { startCluster } from '../../../src/testkit/index.ts';
import { poolOf } from './support.ts';

test('option merge of executeOn: one answer, put together as the server says', async () => {
  await using cluster = await startCluster({ primaries: 3, replicasPerPrimary: 0 });
  await using pool = poolOf(cluster);
  const names = Array.from({ length: 90 }, (_, index) => `key:${index}`);
  await Promise.all(names.map((name) => pool.execute('SET', name, 'v')));
  const merge = { merge: true } as const;
  assert.equal(await pool.executeOn('primaries', 'DBSIZE', [], merge), 90);
  const keys = (await pool.executeOn('primaries', 'KEYS', ['*'], merge)) as string[];
  assert.deepEqual(new Set(keys), new Set(names));
  const sha = await pool.executeOn('primaries', 'SCRIPT', ['LOAD', 'return 1'], merge);
  const none = '0'.repeat(40);
  assert.deepEqual(await pool.executeOn('primaries', 'SCRIPT EXISTS', [String(sha), none], merge), [1, 0]);
  await assert.rejects(pool.executeOn('primaries', 'INFO', [], merge), /without merge/);
  await assert.rejects(pool.executeOn('primaries', 'CONFIG', ['SET', 'nonsense', '1'], merge), ResponseError);
  await assert.rejects(pool.execute('DBSIZE'), /merge: true/);
  await assert.rejects(pool.executeOn('primaries', 'DBSIZE', [], { merge: 1 } as never), TypeError);
  assert.equal(await pool.executeOn('primaries', 'FLUSHALL', [], merge), 'OK');
  const sizes = await pool.executeOn('primaries', 'DBSIZE');
  assert.deepEqual([...sizes.values()], [0, 0, 0]);
});
