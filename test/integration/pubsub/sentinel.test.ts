import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Sentinel } from '../../../src/index.ts';
import { startSentinel } from '../../../src/testkit/index.ts';
import { readChannel, Recorder, serverSets, until } from './support.ts';

test('subscriptions follow the primary, with one gap for each failover', async () => {
  await using service = await startSentinel({ replicas: 2, sentinels: 3 });
  await using manager = new Sentinel({ sentinels: service.sentinelLocations });
  await using pool = manager.primaryFor(service.serviceName, { timeout: 20_000 });
  const { channel, heard } = readChannel('news');
  const pattern = new Recorder('pat*', true);
  await pool.executePubsub('SUBSCRIBE', channel);
  await pool.executePubsub('PSUBSCRIBE', pattern);
  const before = await service.currentPrimary();
  assert.ok((await serverSets(before)).channels.includes('news'));
  const after = await service.failover();
  assert.notEqual(after.port, before.port);
  await until(() => channel.gaps > 0 && pattern.heard.gaps.length > 0, 'the gaps', 30_000);
  await until(async () => (await serverSets(after)).channels.includes('news'), 'the new subscription');
  await after.command('PUBLISH', 'news', '1');
  await after.command('PUBLISH', 'pattern', '2');
  await until(() => heard.numbers.includes(1) && pattern.heard.numbers.includes(2), 'messages');
  heard.check('news');
  await until(
    async () => !(await serverSets(before)).channels.includes('news'),
    'nothing is left at the old primary',
  );
});
