import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { inspect } from 'node:util';
import {
  CapacityLimiter,
  Channel,
  ClusterConnectionPool,
  ConnectionError,
  ConnectionPool,
  DecodingError,
  defineScript,
  ExponentialBackoffRetryPolicy,
  LRUCache,
  PatternChannel,
  RedisError,
  ReplyMap,
  ReplySet,
  Sentinel,
  SentinelConnectionPool,
  TCPConnection,
  TCPLocation,
  TimeoutError,
  UnixDomainSocketLocation,
  UserPassCredentialProvider,
} from '../../src/index.ts';
import Redis, { Cluster } from '../../src/ioredis/index.ts';
import {
  startCluster,
  startSentinel,
  startServer,
  type TestCluster,
  type TestSentinel,
  type TestServer,
} from '../../src/testkit/index.ts';

/** A password, an argument, a value or a script: no object shows it. */
const SECRET = 'canary-secret';
/** The text of an object fits into a few lines of a terminal; statistics have a line for each figure. */
const LONGEST = 260;
const STATISTICS = 600;

let server: TestServer;
let cluster: TestCluster;
let sentinels: TestSentinel;
before(async () => {
  [server, cluster, sentinels] = await Promise.all([
    startServer({ args: ['--requirepass', SECRET] }),
    startCluster({ primaries: 3, replicasPerPrimary: 1, requirepass: SECRET }),
    startSentinel({ replicas: 1, sentinels: 1 }),
  ]);
});
after(() => Promise.all([server.stop(), cluster.stop(), sentinels.stop()]));

/** The text that `inspect` must contain, and a part of the JSON. */
interface Row {
  readonly shown: unknown;
  readonly inspect: RegExp;
  /** Default: an object. */
  readonly json?: RegExp;
  readonly longest?: number;
}

function check(rows: Readonly<Record<string, Row>>): void {
  for (const [name, { shown, inspect: pattern, json = /^[[{]/, longest = LONGEST }] of Object.entries(rows)) {
    const text = inspect(shown, { depth: 4 });
    const serialised = JSON.stringify(shown);
    assert.match(text, pattern, name);
    assert.match(serialised, json, name);
    for (const one of [text, serialised, String(shown)]) {
      assert.ok(!one.includes(SECRET), `${name}: ${one}`);
      // Look for the bytes in decimal and hexadecimal digits too.
      assert.doesNotMatch(one, /99,97,110,97|63 61 6e 61/, name);
    }
    assert.ok(text.length <= longest, `${name}: ${text}`);
  }
}

it('objects of a pool show their state in a line, and no secret', async () => {
  const cache = new LRUCache();
  await using pool = ConnectionPool.fromUrl(server.url, { cache, password: SECRET });
  await pool.execute('SET', 'key', SECRET);
  await pool.execute('GET', 'key');
  await using lease = await pool.acquire();
  const { connection } = lease;
  await pool.executePubsub('SUBSCRIBE', 'news');
  await pool.execute('PUBLISH', 'news', SECRET);
  const channel = pool.pubsubChannels.get('news');
  assert.ok(channel instanceof Channel);
  await channel.waitMessage();
  check({
    pool: { shown: pool, inspect: /^ConnectionPool<127\.0\.0\.1:\d+, open=2, inUse=1, waiting=0>$/ },
    statistics: { shown: pool.statistics, inspect: /inUseConnections: 1/, longest: STATISTICS },
    lease: { shown: lease, inspect: /^Lease<TCPConnection<host=127\.0\.0\.1,port=\d+,db=0>, held>$/ },
    connection: { shown: connection, inspect: /^TCPConnection<host=/, json: /"usable":true/ },
    'connection.statistics': {
      shown: connection.statistics,
      inspect: /requestsPending: 2/,
      longest: STATISTICS,
    },
    request: { shown: connection.createRequest('SET', ['other', SECRET]), inspect: /^Request<SET, queued>$/ },
    batch: {
      shown: connection.createRequestBatch([{ command: 'SET', args: ['other', SECRET] }]),
      inspect: /^PendingBatch<1 commands, 1 unsettled>$/,
    },
    executor: {
      shown: pool.with({ timeout: 5_000, decode: true }),
      inspect: /^Executor<timeout=5000, decode=true>$/,
    },
    scan: { shown: pool.scan({ match: SECRET }), inspect: /^Scan<>$/ },
    channels: { shown: pool.pubsubChannels, inspect: /^ChannelMap<1 name>$/, json: /"names":\["news"\]/ },
    channel: { shown: channel, inspect: /^Channel<news, open, 1 unread>$/, json: /"unread":1/ },
    cache: { shown: cache, inspect: /^LRUCache<keys=1, bytes=\d+, hits=0, misses=1>$/, json: /"keys":1/ },
    'cache.stats': { shown: cache.stats, inspect: /misses: 1/ },
  });
  await using wrongPassword = ConnectionPool.fromUrl(server.url, { password: `${SECRET}-too` });
  const failures = await Promise.all(
    [
      connection.execute('INCR', 'key'),
      connection.execute('NOSUCH', SECRET),
      connection.execute('ACL', 'SETUSER', SECRET, `%${SECRET}`),
      pool.execute('EVAL', `return redis.error_reply('MINE ' .. ARGV[1])`, 0, 'x'),
      wrongPassword.execute('PING'),
    ].map((call) => call.catch((error: unknown) => error)),
  );
  for (const error of failures) {
    const { name, message } = error as Error;
    assert.ok(error instanceof RedisError);
    check({ [name]: { shown: error, inspect: new RegExp(name), json: new RegExp(`"name":"${name}"`) } });
    assert.deepEqual(JSON.parse(JSON.stringify(error)).message, message);
  }
  lease.release();
  check({ released: { shown: lease, inspect: /, released>$/ } });
  await pool.close();
  check({ closed: { shown: pool, inspect: /, closed>$/ } });
});

it('clients of respool/ioredis hide their options, because these hold passwords', () => {
  const redis = new Redis({ host: 'host', port: 1, password: SECRET, lazyConnect: true });
  const nodes = [{ host: 'host', port: 1, password: SECRET }];
  const many = new Cluster(nodes, { lazyConnect: true, redisOptions: { password: SECRET } });
  check({
    redis: { shown: redis, inspect: /^Redis<host:1, wait>$/, json: /"status":"wait"/ },
    cluster: { shown: many, inspect: /^Cluster<wait>$/ },
  });
});

it('objects of clusters and sentinels show their state in a line, and no secret', async () => {
  await using nodes = ClusterConnectionPool.fromUrl(cluster.url);
  check({ empty: { shown: nodes.clusterLayout, inspect: /^ClusterLayout<0 primaries, 0 replicas, 0 of / } });
  await nodes.execute('SET', 'key', SECRET);
  await using service = SentinelConnectionPool.fromUrl(sentinels.url);
  await service.execute('SET', 'key', SECRET);
  await using group = new Sentinel({ sentinels: [{ host: 'sentinel', port: 26_379 }], password: SECRET });
  check({
    cluster: { shown: nodes, inspect: /^ClusterConnectionPool<127.*, open=1, inUse=0, waiting=0>$/ },
    layout: {
      shown: nodes.clusterLayout,
      inspect: /^ClusterLayout<3 primaries, 3 replicas, 16384 of 16384 slots covered>$/,
      json: /"role":"replica"/,
    },
    node: { shown: nodes.clusterLayout.primaries[0], inspect: /serverType: 'primary'/ },
    service: { shown: service, inspect: /^SentinelConnectionPool<service=mymaster\(primary\), open=1/ },
    sentinel: { shown: group, inspect: /^Sentinel<sentinels=\[sentinel:26379\]>$/ },
  });
});

it('objects without a server show themselves in a line, and no secret', async () => {
  const limiter = new CapacityLimiter(3);
  await limiter.acquire();
  const location = new TCPLocation('host', 1);
  const script = defineScript({ lua: `return '${SECRET}'`, keys: 1 });
  const cause = new ConnectionError('the line is cut');
  check({
    limiter: { shown: limiter, inspect: /^CapacityLimiter<2 of 3 free, 0 waiting>$/, json: /"available":2/ },
    script: { shown: script, inspect: /^Script<[0-9a-f]{40}, keys=1>$/, json: /"sha":/ },
    credentials: { shown: new UserPassCredentialProvider('user', SECRET), inspect: /<user>$/ },
    location: { shown: location, inspect: /host: 'host', port: 1/ },
    path: { shown: new UnixDomainSocketLocation('/run/redis'), inspect: /path: '\/run\/redis'/ },
    policy: { shown: new ExponentialBackoffRetryPolicy(), inspect: /retries: \d/ },
    channel: { shown: new Channel('one'), inspect: /^Channel<one, open, 0 unread>$/ },
    pattern: { shown: new PatternChannel('n*'), inspect: /^PatternChannel<n\*, open, 0 unread>$/ },
    map: {
      shown: new ReplyMap([['a', 1]]),
      inspect: /^ReplyMap\(1\) \[Map\] \{ 'a' => 1 \}$/,
      json: /^\{"a":1\}$/,
    },
    set: { shown: new ReplySet(['a']), inspect: /^ReplySet\(1\) \[Set\] \{ 'a' \}$/, json: /^\["a"\]$/ },
    connection: {
      shown: new TCPConnection(location, { password: SECRET, username: 'user' }),
      inspect: /^TCPConnection<host=host,port=1,db=0>$/,
    },
    pool: {
      shown: new ConnectionPool({ location, password: SECRET }),
      inspect: /^ConnectionPool<host:1, open=0, inUse=0, waiting=0>$/,
    },
    error: {
      shown: new TimeoutError('too late', { phase: 'reply', endpoint: 'host:1', cause }),
      inspect: /too late/,
      json: /^\{"name":"TimeoutError","message":"too late","code":"RESPOOL_TIMEOUT".*"cause":"ConnectionError: the line is cut"/,
      longest: 4_000,
    },
    decoding: {
      shown: new DecodingError('not text', { reply: Buffer.from(SECRET) }),
      inspect: /not text/,
      longest: 4_000,
    },
  });
});
