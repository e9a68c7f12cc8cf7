import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { serverBinaries, startSentinel } from '../../../src/testkit/index.ts';
import { workFolder } from '../../../src/testkit/servers/watchdog.ts';

for (const { path, kind, version } of await serverBinaries()) {
  test(`${kind} ${version}: a primary, replicas and sentinels are failed over and revived`, async (t) => {
    const group = await startSentinel({ binary: path });
    const [first] = group.servers;
    try {
      await t.test('a service starts healthy', async () => {
        assert.equal(group.serviceName, 'mymaster');
        assert.deepEqual([group.servers.length, group.sentinels.length, group.nodes.length], [3, 3, 6]);
        assert.equal(await group.currentPrimary(), first);
        assert.deepEqual(await group.currentReplicas(), group.servers.slice(1));
        const hosts = group.sentinels.map(({ port }) => `127.0.0.1:${port}`).join();
        assert.equal(group.url, `redis+sentinel://${hosts}/mymaster/0`);
        assert.equal(
          group.sentinelLocations.map(String).join(),
          group.sentinels.map(({ location }) => String(location)).join(),
        );
        assert.equal(await first?.command('SET', 'k', 'v'), 'OK');
        assert.equal(Number(await first?.command('WAIT', 2, 5000)), 2);
        await assert.rejects(group.servers[1]?.command('SET', 'k', 'w') ?? Promise.resolve(), /READONLY/);
      });

      await t.test('a service fails over when asked', async () => {
        const second = await group.failover();
        assert.notEqual(second, first);
        assert.equal(await group.currentPrimary(), second);
        const third = await group.failover();
        assert.notEqual(third, second);
        await group.waitHealthy();
      });

      await t.test(
        'a service fails over when the primary is killed; the dead one comes back as a replica',
        async () => {
          const dead = await group.killPrimary();
          assert.equal(dead.running, false);
          const heir = await group.waitForPrimary(dead);
          await heir.command('SET', 'k2', 'v2');
          await dead.restart();
          await group.waitHealthy();
          assert.ok((await group.currentReplicas()).includes(dead));
          assert.equal(await dead.command('GET', 'k2'), 'v2');
        },
      );

      await t.test('sentinels can be paused, killed and restarted', async () => {
        const [one, two, three] = group.sentinels;
        one?.pause();
        assert.equal(await group.currentPrimary(), await group.waitForPrimary());
        one?.resume();
        await two?.kill();
        await two?.restart();
        await three?.restart();
        await group.waitHealthy();
      });
    } finally {
      await group.stop();
    }
    assert.ok(group.nodes.every((node) => !node.running && !existsSync(node.folder)));
  });

  test(`${kind} ${version}: sentinels use TLS and passwords`, async () => {
    await using group = await startSentinel({
      binary: path,
      tls: true,
      password: 'p w',
      sentinelPassword: 's',
      serviceName: 'db',
      sentinels: 1,
      replicas: 1,
    });
    assert.match(
      group.url,
      /^rediss\+sentinel:\/\/:p%20w@127\.0\.0\.1:\d+\/db\/0\?sentinelPassword=s&ssl_ca_certs=/,
    );
    const before = await group.currentPrimary();
    const after = await group.failover();
    assert.notEqual(after, before);
    assert.equal(await after.command('SET', 'k', 'v'), 'OK');
  });
}

test('invalid options are refused before anything starts', async () => {
  for (const [option, value] of [
    ['sentinels', 0],
    ['replicas', 1.5],
    ['foo', 0],
    ['quick', 'no'],
    ['serviceName', 1],
  ] as const) {
    const refused = { name: 'TypeError', message: new RegExp(`\\b${option}\\b`) };
    await assert.rejects(startSentinel({ [option]: value }), refused);
  }
});

test('a sentinel that does not start leaves nothing behind', async () => {
  await assert.rejects(startSentinel({ sentinelConfig: ['port no-such-port'] }), /no-such-port/);
  const left = readdirSync(workFolder()).filter((name) => name.startsWith('sentinel'));
  assert.deepEqual(left, []);
});
