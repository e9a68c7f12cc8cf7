import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  PoolClosedError,
  PrimaryNotFoundError,
  Sentinel,
  SentinelError,
  SentinelConnectionPool,
  SentinelManagedConnection,
  TCPLocation,
  TimeoutError,
} from '../../../src/index.ts';
import { startSentinel, startServer } from '../../../src/testkit/index.ts';
import { FakeData, FakeSentinel } from './scripted.ts';
import { eventually, sleep } from './support.ts';

test('option serviceName is the name that sentinels are asked for', async () => {
  await using data = await FakeData.start();
  await using sentinel = await FakeSentinel.start({ primary: data });
  await using manager = new Sentinel({ sentinels: [sentinel.location] });
  await using pool = new SentinelConnectionPool({ serviceName: 'orders', sentinelManager: manager });
  await pool.execute('PING');
  assert.ok(sentinel.asked.length > 0);
  assert.ok(
    sentinel.asked.every((question) => question.endsWith(' orders')),
    sentinel.asked.join(),
  );
  assert.equal(pool.toString(), 'SentinelConnectionPool<service=orders(primary)>');
  assert.equal(pool.telemetryAttributes()['db.client.connection.pool.name'], 'orders(primary)');
  for (const serviceName of ['', undefined, 7]) {
    assert.throws(
      () => new SentinelConnectionPool({ serviceName, sentinelManager: manager } as never),
      TypeError,
    );
  }
});

test('option sentinelManager decides where the primary is, also when it is no Sentinel', async () => {
  await using one = await FakeData.start();
  await using other = await FakeData.start();
  await using sentinel = await FakeSentinel.start({ primary: one });
  await using manager = new Sentinel({ sentinels: [sentinel.location] });
  const foreign = {
    discoverPrimary: async () => new TCPLocation(other.host, other.port),
    discoverReplicas: async () => [],
  };
  await using first = new SentinelConnectionPool({
    serviceName: 'm',
    sentinelManager: manager,
    decodeResponses: true,
  });
  await using second = new SentinelConnectionPool({
    serviceName: 'm',
    sentinelManager: foreign,
    decodeResponses: true,
  });
  assert.equal(await first.execute('GET', 'x'), String(one.port));
  assert.equal(await second.execute('GET', 'x'), String(other.port));
  assert.throws(
    () => new SentinelConnectionPool({ serviceName: 'm', sentinelManager: {} } as never),
    TypeError,
  );
  assert.throws(() => new SentinelConnectionPool({ serviceName: 'm' } as never), TypeError);
});

test('option isPrimary false leads to a replica', async () => {
  await using primary = await FakeData.start();
  await using replica = await FakeData.start('slave');
  await using sentinel = await FakeSentinel.start({ primary, replicas: [replica] });
  await using manager = new Sentinel({ sentinels: [sentinel.location], decodeResponses: true });
  const common = { serviceName: 'm', sentinelManager: manager, decodeResponses: true } as const;
  await using writer = new SentinelConnectionPool(common);
  await using reader = new SentinelConnectionPool({ ...common, isPrimary: false });
  assert.equal(await writer.execute('GET', 'x'), String(primary.port));
  assert.equal(await reader.execute('GET', 'x'), String(replica.port));
  assert.equal(reader.toString(), 'SentinelConnectionPool<service=m(replica)>');
  assert.equal(reader.location, null);
});

test('sentinels that all refuse the password end the call at once, not at its time limit', async () => {
  await using server = await startServer({ requirepass: 'let me in' });
  for (const sentinelOptions of [{ password: 'let me out' }, {}]) {
    await using manager = new Sentinel({ sentinels: [server.location], sentinelOptions });
    for (const pool of [manager.primaryFor('m'), manager.replicaFor('m')]) {
      await assert.rejects(pool.executeRequest('GET', ['a'], { timeout: 600_000 }), SentinelError);
      await assert.rejects(pool.acquire({ timeout: 600_000 }), SentinelError);
    }
  }
});

test('the error of a sentinel that wants a password says where the password goes', async () => {
  await using servers = await startSentinel({ replicas: 0, sentinels: 2, sentinelPassword: 'let me in' });
  const places = servers.sentinelLocations.map(String);
  for (const [password, code] of [
    [undefined, 'NOAUTH'],
    ['let me out', 'WRONGPASS'],
  ] as const) {
    await using manager = new Sentinel({
      sentinels: servers.sentinelLocations,
      sentinelOptions: { password },
    });
    await assert.rejects(manager.discoverPrimary('mymaster'), (error: Error) => {
      assert.ok(error instanceof PrimaryNotFoundError);
      assert.match(error.message, new RegExp(`refused the login \\(${code}\\)\\. `));
      assert.match(error.message, /sentinelOptions: \{ password \}, or sentinelPassword with a URL$/);
      for (const place of places) assert.equal(error.message.split(place).length, 2, error.message);
      assert.doesNotMatch(error.message, /HELLO|let me/);
      return true;
    });
  }
  await using manager = new Sentinel({
    sentinels: servers.sentinelLocations,
    sentinelOptions: { password: 'let me in' },
  });
  assert.equal(String(await manager.discoverPrimary('mymaster')), String(servers.servers[0]?.location));
});

test('option sentinels names the sentinels to ask, in order', async () => {
  await using data = await FakeData.start();
  await using silent = await FakeSentinel.start({});
  await using sentinel = await FakeSentinel.start({ primary: data });
  const sentinels = [silent.location, { host: sentinel.location.host, port: sentinel.port }];
  await using manager = new Sentinel({ sentinels });
  assert.equal((await manager.discoverPrimary('m')).port, data.port);
  assert.ok(silent.asked.length > 0);
  const before = silent.asked.length;
  assert.equal(String(manager.sentinels[0]), String(sentinel.location));
  await manager.discoverPrimary('m');
  assert.equal(silent.asked.length, before, 'the one that answered is asked first next time');
  assert.match(manager.toString(), /^Sentinel<sentinels=\[127\.0\.0\.1:\d+,127\.0\.0\.1:\d+\]>$/);
  for (const wrong of [[], undefined, 'host:1', [{ host: 'h', port: 0 }]]) {
    assert.throws(() => new Sentinel({ sentinels: wrong } as never), TypeError);
  }
  assert.throws(() => new Sentinel({ sentinels, unheardOf: 1 } as never), TypeError);
});

test('option minOtherSentinels: a sentinel that knows too few others does not count', async () => {
  await using data = await FakeData.start();
  await using other = await FakeData.start();
  await using lonely = await FakeSentinel.start({ primary: other, others: 1 });
  await using sentinel = await FakeSentinel.start({ primary: data, others: 2 });
  const sentinels = [lonely.location, sentinel.location];
  await using manager = new Sentinel({ sentinels, minOtherSentinels: 2 });
  assert.equal((await manager.discoverPrimary('m')).port, data.port);
  await using strict = new Sentinel({ sentinels, minOtherSentinels: 5 });
  await assert.rejects(strict.discoverPrimary('m'), PrimaryNotFoundError);
  await using url = SentinelConnectionPool.fromUrl(
    `redis+sentinel://${sentinels.join()}/m?minOtherSentinels=5`,
  );
  await assert.rejects(url.execute('PING'), PrimaryNotFoundError);
});

test('option sentinelOptions: credentials and limits of the sentinels differ from those of the data', async () => {
  await using data = await FakeData.start();
  await using sentinel = await FakeSentinel.start({ primary: data, password: 'for-sentinels' });
  const sentinels = [sentinel.location];
  await using manager = new Sentinel({
    sentinels,
    password: 'for-data',
    sentinelOptions: { password: 'for-sentinels', clientName: 'asker' },
  });
  await using pool = manager.primaryFor('m');
  await pool.execute('PING');
  const said = (server: { commands: readonly { args: readonly string[] }[] }): string =>
    server.commands.map(({ args }) => args.join(' ')).join('\n');
  assert.match(said(sentinel.server), /AUTH default for-sentinels/);
  assert.match(said(sentinel.server), /SETNAME asker/);
  assert.doesNotMatch(said(sentinel.server), /for-data/);
  assert.match(said(data.server), /AUTH default for-data/);
  assert.doesNotMatch(said(data.server), /for-sentinels|asker/);

  // Inherited where nothing else is said: without it the answer would be waited for 2 s.
  await using mute = await FakeSentinel.start({ instead: new Promise<never>(() => {}) });
  await using hasty = new Sentinel({ sentinels: [mute.location], streamTimeout: 50 });
  await assert.rejects(hasty.discoverPrimary('m'), (error: Error) => {
    assert.match(error.message, /timed out after 50 ms/);
    return true;
  });
  await using own = new Sentinel({
    sentinels: [mute.location],
    streamTimeout: 5_000,
    sentinelOptions: { streamTimeout: 60 },
  });
  await assert.rejects(own.discoverPrimary('m'), /timed out after 60 ms/);
  assert.throws(() => new Sentinel({ sentinels, sentinelOptions: { unheardOf: 1 } } as never), TypeError);
});

test('changed credentials of the sentinels are used at once, for questions and for listeners', async () => {
  await using data = await FakeData.start();
  await using sentinel = await FakeSentinel.start({ primary: data, password: 'one' });
  let password = 'one';
  let changed = (): void => {};
  const credentialProvider = {
    getCredentials: async () => ({ username: 'u', password }),
    onChange: (listener: () => void) => {
      changed = listener;
      return () => {
        changed = () => {};
      };
    },
  };
  await using manager = new Sentinel({
    sentinels: [sentinel.location],
    sentinelOptions: { credentialProvider },
  });
  await using pool = manager.primaryFor('m');
  await pool.execute('PING');
  await sentinel.listened();
  const first = sentinel.server.openConnections;
  assert.equal(first.length, 2);
  sentinel.script.password = password = 'two';
  changed();
  await eventually('the old connections are gone', () => first.every((connection) => !connection.open));
  await manager.discoverPrimary('m');
  await sentinel.server.waitForCommand('SUBSCRIBE', 2);
  const second = sentinel.server.openConnections.flatMap(({ commands }) =>
    commands.map(({ args }) => args.join(' ')),
  );
  assert.ok(second.includes('HELLO 3 AUTH u two') && !second.includes('HELLO 3 AUTH u one'));
});

test('option SentinelOptions.addressMap: announced addresses become reachable ones', async () => {
  await using primary = await FakeData.start();
  await using replica = await FakeData.start('slave');
  await using hidden = await FakeSentinel.start({ primary: { host: '10.9.9.1', port: 1 } });
  await using sentinel = await FakeSentinel.start({
    primary: { host: '10.9.9.1', port: 1 },
    replicas: [{ host: '10.9.9.2', port: 2 }],
    sentinels: [{ host: '10.9.9.3', port: 3 }],
  });
  const local = (port: number): TCPLocation => new TCPLocation('127.0.0.1', port);
  const addressMap = {
    '10.9.9.1:1': local(primary.port),
    '10.9.9.2:2': local(replica.port),
    '10.9.9.3:3': local(hidden.port),
  };
  for (const map of [
    addressMap,
    (host: string, port: number) => addressMap[`${host}:${port}` as keyof typeof addressMap],
  ]) {
    await using manager = new Sentinel({ sentinels: [sentinel.location], addressMap: map });
    assert.equal((await manager.discoverPrimary('m')).port, primary.port);
    assert.deepEqual(
      (await manager.discoverReplicas('m')).map(({ port }) => port),
      [replica.port],
    );
    await using pool = manager.primaryFor('m', { decodeResponses: true });
    assert.equal(await pool.execute('GET', 'x'), String(primary.port));
    await hidden.listened();
  }
  await using url = SentinelConnectionPool.fromUrl(`redis+sentinel://${sentinel.location}/m`, { addressMap });
  assert.equal((await url.getPrimaryLocation()).port, primary.port);
});

test('option sentinelUsername and option sentinelPassword log in to the sentinels of a URL', async () => {
  await using data = await FakeData.start();
  await using sentinel = await FakeSentinel.start({ primary: data, password: 'sp' });
  const url = `redis+sentinel://du:dp@${sentinel.location}/m`;
  for (const pool of [
    SentinelConnectionPool.fromUrl(`${url}?sentinelUsername=su&sentinelPassword=sp`),
    SentinelConnectionPool.fromUrl(url, { sentinelUsername: 'su', sentinelPassword: 'sp' }),
  ]) {
    await pool.execute('PING');
    await pool.close();
  }
  const hellos = (fake: FakeData | FakeSentinel): Set<string> =>
    new Set(
      fake.server.commands.filter(({ name }) => name === 'HELLO').map(({ args }) => args.slice(2).join(' ')),
    );
  assert.deepEqual(hellos(sentinel), new Set(['AUTH su sp']));
  assert.deepEqual(hellos(data), new Set(['AUTH du dp']));
});

test('a URL without sentinels needs a manager and a name, and supplies the options of data connections', async () => {
  await using data = await FakeData.start();
  await using sentinel = await FakeSentinel.start({ primary: data });
  await using manager = new Sentinel({ sentinels: [sentinel.location] });
  await using pool = SentinelConnectionPool.fromUrl('redis://u:p@ignored:1/3?decodeResponses=true', {
    sentinelManager: manager,
    serviceName: 'm',
  });
  assert.equal(pool.db, 3);
  assert.equal(await pool.execute('GET', 'x'), String(data.port));
  assert.throws(() => SentinelConnectionPool.fromUrl('redis://h', { serviceName: 'm' }), TypeError);
  assert.throws(
    () => SentinelConnectionPool.fromUrl('redis+sentinel://h/m', { sentinelManager: manager }),
    TypeError,
  );
  assert.throws(() => SentinelConnectionPool.fromUrl('redis+sentinel://h'), TypeError);
});

test('pools inherit from their Sentinel, and their own options win', async () => {
  await using data = await FakeData.start();
  await using sentinel = await FakeSentinel.start({ primary: data });
  await using manager = new Sentinel({
    sentinels: [sentinel.location],
    decodeResponses: true,
    db: 2,
    maxConnections: 3,
  });
  await using inherits = manager.primaryFor('m');
  await using differs = manager.primaryFor('m', { decodeResponses: false, db: undefined, maxConnections: 5 });
  const text: string | null | undefined = (await inherits.execute('GET', 'x')) as string;
  assert.equal(text, String(data.port));
  assert.ok(Buffer.isBuffer(await differs.execute('GET', 'x')));
  assert.deepEqual([inherits.db, differs.db], [2, 2]);
  assert.deepEqual([inherits.statistics.maxConnections, differs.statistics.maxConnections], [3, 5]);
});

test('option SentinelUrlOptions.connectionClass: the class gets (location, primaryName, isPrimary, options)', async () => {
  const made: unknown[][] = [];
  class Own extends SentinelManagedConnection {
    constructor(...args: ConstructorParameters<typeof SentinelManagedConnection>) {
      super(...args);
      made.push(args.slice(0, 3));
    }
  }
  await using data = await FakeData.start();
  await using sentinel = await FakeSentinel.start({ primary: data });
  await using manager = new Sentinel({ sentinels: [sentinel.location] });
  await using pool = manager.primaryFor('m', { connectionClass: Own as never });
  await pool.use((connection) => {
    assert.ok(connection instanceof Own);
    assert.equal(connection.primaryName, 'm');
  });
  assert.deepEqual(
    made.map(([location, name, primary]) => [String(location), name, primary]),
    [[`127.0.0.1:${data.port}`, 'm', true]],
  );
  assert.throws(() => manager.primaryFor('m', { connectionClass: class {} as never }), TypeError);
});

test('a slow dial to a sentinel is bounded by connectTimeout', async () => {
  await using data = await FakeData.start();
  await using sentinel = await FakeSentinel.start({ primary: data, greetsAfter: 2_300 });
  await using manager = new Sentinel({ sentinels: [sentinel.location] });
  assert.equal((await manager.discoverPrimary('m')).port, data.port);
});

test('options that a Sentinel decides for its pools are refused by name', async () => {
  await using sentinel = await FakeSentinel.start({});
  await using manager = new Sentinel({ sentinels: [sentinel.location] });
  for (const option of ['serviceName', 'sentinelManager', 'isPrimary']) {
    for (const how of ['primaryFor', 'replicaFor'] as const) {
      assert.throws(
        () => manager[how]('m', { [option]: 1 } as never),
        (error: unknown) => error instanceof TypeError && error.message.includes(option),
      );
      await manager[how]('m', { [option]: undefined } as never).close();
    }
  }
});

test('getReplica and getPrimaryLocation are bounded by their options and by the end of the pool', async () => {
  await using data = await FakeData.start();
  await using sentinel = await FakeSentinel.start({ primary: data });
  await using manager = new Sentinel({ sentinels: [sentinel.location] });
  for (const how of ['primaryFor', 'replicaFor'] as const) {
    const pool = manager[how]('m');
    const searches = [
      (options?: object) => pool.getReplica(options),
      (options?: object) => pool.getPrimaryLocation(options),
    ];
    for (const search of searches) {
      for (const options of [{ foo: 1 }, { timeout: 0 }, { timeout: Number.NaN }, { signal: 1 }])
        await assert.rejects(search(options), TypeError);
      await assert.rejects(search({ signal: AbortSignal.abort('enough') }), (reason) => reason === 'enough');
      assert.equal((await search({ timeout: 5_000 })).port, data.port);
    }
    sentinel.script.instead = new Promise<never>(() => {});
    for (const search of searches) {
      const begin = performance.now();
      await assert.rejects(search({ timeout: 100 }), TimeoutError);
      assert.ok(performance.now() - begin < 1_000);
    }
    const pending = searches.map((search) => assert.rejects(search(), PoolClosedError));
    await sleep(20);
    await pool.close();
    await Promise.all(pending);
    for (const search of searches) await assert.rejects(search(), PoolClosedError);
    delete sentinel.script.instead;
  }
});

test('discovery is bounded by the time limit and the signal of its caller', async () => {
  await using sentinel = await FakeSentinel.start({ instead: new Promise<never>(() => {}) });
  await using manager = new Sentinel({ sentinels: [sentinel.location] });
  await assert.rejects(manager.discoverPrimary('m', { timeout: 30 }), TimeoutError);
  await assert.rejects(manager.discoverReplicas('m', { timeout: 30 }), TimeoutError);
  const reason = new Error('enough');
  await assert.rejects(manager.discoverPrimary('m', { signal: AbortSignal.abort(reason) }), reason);
  const controller = new AbortController();
  const waiting = manager.discoverPrimary('m', { signal: controller.signal });
  controller.abort(reason);
  await assert.rejects(waiting, reason);
});
