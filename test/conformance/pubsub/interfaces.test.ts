import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { LatestChannel } from '../../../examples/latest-channel.ts';
import { ReadWritePool } from '../../../examples/read-write-pool.ts';
import {
  AbstractChannel,
  AbstractConnection,
  AbstractPool,
  Channel,
  ClusterConnectionPool,
  ConnectionPool,
  Sentinel,
  TCPConnection,
  UnixDomainSocketConnection,
} from '../../../src/index.ts';
import {
  channelConformance,
  type ConformanceCase,
  connectionConformance,
  poolConformance,
  startCluster,
  startSentinel,
  startServer,
  type TestServer,
} from '../../../src/testkit/index.ts';
import { until } from '../../integration/pubsub/support.ts';

let server: TestServer;
let replica: TestServer;
before(async () => {
  server = await startServer({ unixSocket: true });
  replica = await startServer();
  await replica.command('REPLICAOF', server.host, String(server.port));
  await until(
    async () => /master_link_status:up/.test(String(await replica.command('INFO', 'replication'))),
    'the link',
  );
});
after(() => Promise.all([server.stop(), replica.stop()]));

function suite(what: string, cases: readonly ConformanceCase[]): void {
  describe(what, () => {
    for (const { name, run } of cases) test(name, run);
  });
}

test('the abstract classes cannot be constructed', () => {
  for (const type of [AbstractConnection, AbstractPool, AbstractChannel]) {
    assert.throws(() => new (type as unknown as new () => object)(), TypeError);
  }
});

suite(
  'Channel',
  channelConformance((name, isPattern) => new Channel(name, { isPattern })),
);
suite(
  'Channel of JSON',
  channelConformance((name, isPattern) => new Channel(name, { isPattern, decoder: (m) => ({ m }) })),
);
suite(
  'LatestChannel',
  channelConformance((name, isPattern) => new LatestChannel(name, isPattern)),
);

for (const decodeResponses of [false, true]) {
  suite(
    `TCPConnection, decodeResponses ${decodeResponses}`,
    connectionConformance(async () => {
      const connection = new TCPConnection(server.location, { decodeResponses });
      await connection.run();
      return connection;
    }),
  );
  suite(
    `ConnectionPool, decodeResponses ${decodeResponses}`,
    poolConformance(() => new ConnectionPool({ location: server.location, decodeResponses })),
  );
}
suite(
  'UnixDomainSocketConnection',
  connectionConformance(async () => {
    assert.ok(server.unixLocation);
    const connection = new UnixDomainSocketConnection(server.unixLocation);
    await connection.run();
    return connection;
  }),
);
suite(
  'ReadWritePool',
  poolConformance(
    () =>
      new ReadWritePool(
        new ConnectionPool({ location: server.location }),
        new ConnectionPool({ location: replica.location }),
      ),
  ),
);

describe('pools with many servers', () => {
  test('a ClusterConnectionPool passes the conformance cases of pools', async (t) => {
    await using cluster = await startCluster({ primaries: 3, replicasPerPrimary: 0 });
    const cases = poolConformance(() => new ClusterConnectionPool({ startupNodes: cluster.startupNodes }));
    for (const { name, run } of cases) await t.test(name, run);
  });
  test('a SentinelConnectionPool passes the conformance cases of pools', async (t) => {
    await using service = await startSentinel({ replicas: 1, sentinels: 3 });
    await using manager = new Sentinel({ sentinels: service.sentinelLocations });
    for (const { name, run } of poolConformance(() => manager.primaryFor(service.serviceName)))
      await t.test(name, run);
  });
});

test('a read/write-splitting pool writes to one server and reads from the other', async () => {
  const pool: AbstractPool = new ReadWritePool(
    new ConnectionPool({ location: server.location, decodeResponses: true }),
    new ConnectionPool({ location: replica.location, decodeResponses: true }),
  );
  await pool.execute('SET', 'split', 'written');
  await until(async () => (await pool.execute('GET', 'split')) === 'written', 'the replica');
  const calls = async (of: TestServer, command: string): Promise<number> =>
    Number(
      new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(
        String(await of.command('INFO', 'commandstats')),
      )?.[1] ?? 0,
    );
  assert.ok((await calls(replica, 'get')) > 0);
  assert.equal(await calls(server, 'get'), 0);
  await pool.close();
});

test('a channel that keeps the latest message is fed by a pool', async () => {
  await using pool = new ConnectionPool({ location: server.location });
  const prices = new LatestChannel('prices');
  await pool.executePubsub('SUBSCRIBE', prices);
  for (let price = 0; price < 100; price++) await pool.execute('PUBLISH', 'prices', price);
  await until(() => prices.replaced === 99, 'all of them');
  assert.equal(String(await prices.get()), '99');
  await server.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
  await until(() => prices.lastGap !== null, 'the gap');
});
