import assert from 'node:assert/strict';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { test } from 'node:test';
import { inspect } from 'node:util';
import {
  BaseConnection,
  type BaseConnectionOptions,
  CapacityLimiter,
  ConnectionPool,
  type TCPConnectionOptions,
  TCPConnection,
  TCPLocation,
  UnixDomainSocketConnection,
  UnixDomainSocketLocation,
} from '../../../src/index.ts';
import { reply, ScriptedServer, startServer, type TestServer } from '../../../src/testkit/index.ts';
import { failure, sleep, until } from './support.ts';
import { useServer } from '../../support/servers.ts';

let server: TestServer;
useServer((started) => (server = started), { unixSocket: true, users: { ünï: 'on >p@ss:w/rd ~* &* +@all' } });

test('redis:// reaches host, port and database; the path is the database', async () => {
  await using pool = ConnectionPool.fromUrl(`redis://127.0.0.1:${server.port}/3`, { decodeResponses: true });
  await pool.execute('SET', 'where', 'three');
  assert.equal(pool.db, 3);
  await using query = ConnectionPool.fromUrl(`redis://127.0.0.1:${server.port}/2?db=3`, {
    db: 5,
    decodeResponses: true,
  });
  assert.equal(await query.execute('GET', 'where'), 'three');
  await using zero = ConnectionPool.fromUrl(`redis://127.0.0.1:${server.port}/0`, { db: 3 });
  assert.equal(await zero.execute('GET', 'where'), null);
  await using argument = ConnectionPool.fromUrl(`redis://127.0.0.1:${server.port}`, {
    db: 3,
    decodeResponses: true,
  });
  assert.equal(await argument.execute('GET', 'where'), 'three');
});

test('unix:// reaches a socket', async () => {
  await using pool = ConnectionPool.fromUrl(`unix://${server.socketPath}?db=2`, { decodeResponses: true });
  await pool.execute('SET', 'k', 'unix');
  assert.equal(await pool.execute('GET', 'k'), 'unix');
  assert.equal(pool.db, 2);
  assert.equal(await pool.use((connection) => connection instanceof UnixDomainSocketConnection), true);
  assert.equal(String(pool), `ConnectionPool<${server.socketPath}>`);
});

test('userinfo is taken as written; option decodeComponents decodes it', async () => {
  await using coded = ConnectionPool.fromUrl(
    `redis://${encodeURIComponent('ünï')}:${encodeURIComponent('p@ss:w/rd')}@127.0.0.1:${server.port}`,
    { decodeComponents: true, decodeResponses: true },
  );
  assert.equal(await coded.execute('ACL', 'WHOAMI'), 'ünï');
  await using scripted = await ScriptedServer.start();
  for (const [url, options, user, password] of [
    ['redis://u%40:p%20q@', {}, 'u%40', 'p%20q'],
    ['redis://u%40:p%20q@', { decodeComponents: true }, 'u@', 'p q'],
    ['redis://:a^|"{}@b c@', {}, 'default', 'a^|"{}@b c'],
    ['redis://u:p@', { username: 'other', password: 'other' }, 'u', 'p'],
    ['redis://:p@', { username: 'given' }, 'given', 'p'],
  ] as const) {
    await using pool = ConnectionPool.fromUrl(`${url}127.0.0.1:${scripted.port}`, options);
    await pool.open();
    assert.deepEqual(scripted.connections.at(-1)?.commands[0]?.args.slice(2), ['AUTH', user, password]);
  }
  await using pool = ConnectionPool.fromUrl(
    `redis://u:p@127.0.0.1:${scripted.port}?username=query&password=wins`,
  );
  await pool.open();
  assert.deepEqual(scripted.connections.at(-1)?.commands[0]?.args.slice(2), ['AUTH', 'query', 'wins']);
});

test('an IPv6 host in brackets is reached', async () => {
  await using scripted = await ScriptedServer.start({}, { host: '::1' });
  await using pool = ConnectionPool.fromUrl(`redis://[::1]:${scripted.port}/0`);
  assert.equal(String(await pool.execute('PING')), 'PONG');
});

test('a name is looked up at every dial and both families are tried', async () => {
  await using scripted = await ScriptedServer.start({}, { host: '127.0.0.1' });
  await using pool = ConnectionPool.fromUrl(`redis://localhost:${scripted.port}`);
  assert.equal(String(await pool.execute('PING')), 'PONG');
  await using unknown = ConnectionPool.fromUrl('redis://no-such-host.invalid:1');
  const error = await failure(unknown.execute('PING'));
  assert.equal(error.name, 'ConnectionError');
  assert.match(String((error.cause as { code?: string }).code), /ENOTFOUND|EAI_AGAIN/);
});

test('option sslContext from a URL: rediss:// with ssl_ca_certs, ssl_certfile and ssl_keyfile talks TLS and verifies by default', async () => {
  await using secure = await startServer({ tls: { mutual: true } as never });
  await using pool = ConnectionPool.fromUrl(secure.url, { decodeResponses: true });
  assert.equal(await pool.execute('ECHO', 'x'), 'x');
  const bare = `rediss://127.0.0.1:${secure.port}/0`;
  await using untrusted = ConnectionPool.fromUrl(bare);
  const error = await failure(untrusted.execute('PING'));
  assert.equal(error.name, 'ConnectionError');
  await using plain = await startServer({ tls: true });
  await using none = ConnectionPool.fromUrl(`rediss://127.0.0.1:${plain.port}/0?ssl_cert_reqs=none`, {
    decodeResponses: true,
  });
  assert.equal(await none.execute('ECHO', 'x'), 'x');
  await using verified = ConnectionPool.fromUrl(plain.url, { sslContext: null, decodeResponses: true });
  assert.equal(await verified.execute('ECHO', 'x'), 'x');
});

test('option decodeResponses, option encoding, option clientName, option noreply, option noevict and option notouch pass through a URL', async () => {
  await using scripted = await ScriptedServer.start({ GET: '$1\r\n\xe4\r\n' });
  const query = 'decode_responses=true&encoding=latin1&client_name=me&noevict=yes&notouch=on';
  await using pool = ConnectionPool.fromUrl(`${scripted.url}?${query}`);
  assert.equal(await pool.execute('GET', 'k'), 'ä');
  assert.equal(pool.encoding, 'latin1');
  const sent = scripted.commands.map(({ args }) => args.join(' '));
  for (const wanted of ['CLIENT SETNAME me', 'CLIENT NO-EVICT ON', 'CLIENT NO-TOUCH ON'])
    assert.ok(sent.includes(wanted), wanted);
  await using off = ConnectionPool.fromUrl(`${scripted.url}?decode_responses=false`, {
    decodeResponses: true,
  });
  assert.ok(Buffer.isBuffer(await off.execute('GET', 'k')));
  await using quiet = ConnectionPool.fromUrl(`${scripted.url}?noreply=1`);
  assert.equal(await quiet.execute('GET', 'k'), null);
  await scripted.waitForCommand('CLIENT REPLY');
});

test('option streamTimeout, option connectTimeout, option maxIdleTime and option timeout pass through a URL in milliseconds', async () => {
  await using scripted = await ScriptedServer.start({ GET: null });
  await using stream = ConnectionPool.fromUrl(`${scripted.url}?streamTimeout=40`);
  assert.match((await failure(stream.execute('GET', 'k'))).message, /40 ms/);
  await using idle = ConnectionPool.fromUrl(`${scripted.url}?maxIdleTime=40`);
  await idle.execute('PING');
  await until(() => idle.statistics.activeConnections === 0);
  scripted.script({ HELLO: null });
  await using dial = ConnectionPool.fromUrl(`${scripted.url}?connectTimeout=40.5`);
  assert.match(String((await failure(dial.execute('PING'))).cause), /40\.5 ms/);
  await using wait = ConnectionPool.fromUrl(`${scripted.url}?timeout=40`);
  assert.match((await failure(wait.execute('PING'))).message, /within 40 ms/);
  for (const name of [
    'stream_timeout',
    'connect_timeout',
    'max_idle_time',
    'max_lifetime',
    'dead_peer_timeout',
    'leak_detection',
  ]) {
    assert.throws(() => ConnectionPool.fromUrl(`${scripted.url}?${name}=5`), /milliseconds/, name);
  }
});

test('option maxConnections and option maxWaiting pass through a URL in both spellings', async () => {
  for (const query of ['max_connections=1&max_waiting=0', 'maxConnections=1&maxWaiting=0']) {
    await using pool = ConnectionPool.fromUrl(`${server.url}?${query}`, { maxConnections: 9 });
    assert.equal(pool.statistics.maxConnections, 1);
    await using lease = await pool.acquire();
    assert.equal(lease.connection.usable, true);
    assert.equal((await failure(pool.acquire())).name, 'OverloadedError');
  }
});

test('option maxLifetime, option deadPeerTimeout, option leakDetection, option bulkDetour and option maxBufferedBytes pass through a URL', async () => {
  await using scripted = await ScriptedServer.start({ GET: null, PING: null });
  await using dead = ConnectionPool.fromUrl(`${scripted.url}?deadPeerTimeout=80`);
  assert.match((await failure(dead.execute('GET', 'k'))).message, /deadPeerTimeout/);
  scripted.script({});
  await using old = ConnectionPool.fromUrl(`${scripted.url}?maxLifetime=40`);
  await old.open();
  const dialled = scripted.connections.length;
  await scripted.waitForConnections(dialled + 1);
  await using small = ConnectionPool.fromUrl(
    `${scripted.url}?max_buffered_bytes=100&max_connections=1&bulk_detour=no`,
  );
  await small.open();
  const calls = [small.execute('ECHO', 'x'.repeat(90)), small.execute('ECHO', 'x')];
  assert.equal(small.statistics.waiting, 1);
  await Promise.all(calls);
  await using leaking = ConnectionPool.fromUrl(`${scripted.url}?leakDetection=20`);
  const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
  const lease = await leaking.acquire();
  assert.equal(((await warned) as { code?: string }).code, 'RESPOOL_LEAK');
  lease.release();
  assert.throws(() => ConnectionPool.fromUrl(`${scripted.url}?bulkDetour=perhaps`), /bulkDetour/);
});

test('option socketKeepalive and option socketKeepaliveOptions reach the connections of a pool', async () => {
  await using pool = ConnectionPool.fromUrl(`${server.url}?socket_keepalive=no`);
  assert.equal(String(await pool.execute('PING')), 'PONG');
  assert.throws(
    () => new ConnectionPool({ location: server.location, socketKeepaliveOptions: { count: 3 } }),
    /count/,
  );
  assert.throws(
    () => new ConnectionPool({ location: server.location, socketKeepaliveOptions: { idle: -1 } }),
    TypeError,
  );
  const location = new UnixDomainSocketLocation('/tmp/x.sock');
  assert.throws(() => new ConnectionPool({ location, socketKeepalive: true }), /socketKeepalive/);
  assert.throws(() => new ConnectionPool({ location, sslContext: {} }), /sslContext/);
});

test('option host and option port name the place; option location wins over them', async () => {
  await using byName = new ConnectionPool({ host: '127.0.0.1', port: server.port });
  assert.equal(String(await byName.execute('PING')), 'PONG');
  await using byLocation = new ConnectionPool({ host: '127.0.0.1', port: 1, location: server.location });
  assert.equal(String(await byLocation.execute('PING')), 'PONG');
  assert.equal(new ConnectionPool({ host: 'somewhere' }).address, 'somewhere:6379');
  for (const bad of [
    {},
    { port: 5 },
    { host: '' },
    { host: 'h', port: 0 },
    { host: 'h', port: 65_536 },
    { host: 'h', port: 1.5 },
    { location: 'h' },
  ]) {
    assert.throws(() => new ConnectionPool(bad as never), TypeError, JSON.stringify(bad));
  }
  for (const bad of [undefined, null, 5]) assert.throws(() => new ConnectionPool(bad as never), TypeError);
});

class Counting extends TCPConnection {
  static made = 0;
  readonly label: string;
  constructor(location: TCPLocation, { label, ...options }: TCPConnectionOptions & { label: string }) {
    super(location, options);
    this.label = label;
    Counting.made++;
  }
}
class OverNet extends BaseConnection {
  protected override async openTransport(signal: AbortSignal): Promise<Duplex> {
    const { host, port } = this.location as TCPLocation;
    return connect({ host, port, signal });
  }
}

test('option connectionClass makes the connections, with options of its own', async () => {
  const options = {
    location: server.location,
    connectionClass: Counting as never,
    label: 'mine',
    decodeResponses: true,
  };
  await using pool = new ConnectionPool(options as never);
  const made = Counting.made;
  assert.equal(await pool.execute('ECHO', 'x'), 'x');
  assert.equal(Counting.made, made + 1);
  await pool.use((connection) => assert.equal((connection as unknown as Counting).label, 'mine'));
  await using url = ConnectionPool.fromUrl(server.url, {
    connectionClass: Counting as never,
    label: 'url',
  } as object);
  await url.use((connection) => assert.ok((connection as BaseConnection) instanceof Counting));
  for (const bad of [{}, 'TCPConnection', class {}, TCPLocation, () => 5]) {
    assert.throws(
      () => new ConnectionPool({ location: server.location, connectionClass: bad as never }),
      TypeError,
    );
  }
  const wrong = { location: server.location, connectionClass: UnixDomainSocketConnection };
  assert.throws(() => new ConnectionPool(wrong as never), TypeError);
  const path = new UnixDomainSocketLocation('/tmp/x.sock');
  assert.throws(
    () => new ConnectionPool({ location: path, connectionClass: TCPConnection as never }),
    TypeError,
  );
});

test('a connection class that supplies any duplex runs in a pool', async () => {
  const options: BaseConnectionOptions = { decodeResponses: true };
  await using pool = new ConnectionPool({
    ...options,
    location: server.location,
    connectionClass: OverNet as never,
    maxConnections: 3,
  });
  const texts = Array.from({ length: 100 }, (_, index) => String(index));
  assert.deepEqual(await Promise.all(texts.map((text) => pool.execute('ECHO', text))), texts);
  await pool.use((connection) => connection.createRequest('SELECT', [1]));
  assert.equal(await pool.execute('BLPOP', 'none', 0.02), null);
});

test('option processingBudget given to a pool throttles pushes of its connections', async () => {
  const budget = new CapacityLimiter(1);
  await using scripted = await ScriptedServer.start();
  await using pool = new ConnectionPool({ location: scripted.location, processingBudget: budget });
  const lease = await pool.acquire();
  await budget.acquire();
  const messages = lease.connection.pushMessages;
  let seen = false;
  const next = messages.next().then(() => {
    seen = true;
  });
  scripted.connections[0]?.push('news', 'x');
  assert.equal(String(await lease.connection.createRequest('PING')), 'PONG');
  await sleep(20);
  assert.equal(seen, false);
  budget.release();
  await next;
  lease.release();
});

test('a subclass of the pool gets an instance of itself from a URL', async () => {
  class Mine extends ConnectionPool {
    shout(): string {
      return 'mine';
    }
  }
  await using pool = Mine.fromUrl(server.url, { decodeResponses: true });
  assert.equal((pool as unknown as Mine).shout(), 'mine');
  assert.ok(pool instanceof Mine);
  assert.match(String(pool), /^Mine</);
});

const CANARY = 'kanarienvogel';
test('every bad URL and option is a TypeError that names it and never prints the password', async () => {
  await using scripted = await ScriptedServer.start();
  const base = `redis://user:${CANARY}@127.0.0.1:${scripted.port}`;
  const urls = [
    `http://user:${CANARY}@h`,
    `h:6379`,
    '',
    `redis://user:${CANARY}@`,
    `redis://user:${CANARY}@h:0`,
    `redis://user:${CANARY}@h:65536`,
    `redis://user:${CANARY}@h:port`,
    `${base}/1/2`,
    `${base}/-1`,
    `${base}/abc`,
    `${base}?db=`,
    `${base}?db=x`,
    `${base}?db=-1`,
    `${base}?db=1&db=2`,
    `${base}?maxConnections=2&max_connections=3`,
    `${base}?max_connections=two`,
    `${base}?max_connections=0`,
    `${base}?noreply=perhaps`,
    `${base}?unknown=1`,
    `${base}?sslContext=x`,
    `${base}?retryPolicy=x`,
    `${base}?connectionClass=x`,
    `${base}?ssl_ca_certs=/x`,
    `${base}?ssl_cert_reqs=none`,
    `rediss://user:${CANARY}@h?ssl_keyfile=/x`,
    `rediss://user:${CANARY}@h?ssl_cert_reqs=perhaps`,
    `${base}?encoding=ebcdic`,
    `${base}?timeout=-1`,
    `${base}?streamTimeout=0`,
    `unix://user:${CANARY}@`,
    `redis://user:${CANARY}/x@h`,
    `redis+sentinel://user:${CANARY}@h/service`,
  ];
  for (const url of urls) {
    assert.throws(
      () => ConnectionPool.fromUrl(url),
      (error: unknown) =>
        error instanceof TypeError && !inspect(error, { depth: 10, showHidden: true }).includes(CANARY),
      url,
    );
  }
  const bad: Record<string, unknown> = {
    maxConnections: 0,
    timeout: -1,
    maxWaiting: -1,
    maxLifetime: 0,
    deadPeerTimeout: 0,
    leakDetection: 0,
    retryPolicy: {},
    bulkDetour: 1,
    streamTimeout: 0,
    connectTimeout: Number.NaN,
    maxIdleTime: Number.POSITIVE_INFINITY,
    encoding: 'utf-16',
    decodeResponses: 'yes',
    credentialProvider: {},
    username: 5,
    password: 5,
    clientName: 'a b',
    db: -1,
    noreply: 1,
    noevict: 'x',
    notouch: 0,
    processingBudget: {},
    maxBufferedBytes: 0,
    connectionClass: 5,
    nobodyKnows: 1,
    maxconnections: 3,
  };
  for (const [name, value] of Object.entries(bad)) {
    const options = { location: scripted.location, password: CANARY, [name]: value };
    if (name === 'password') options.password = value as never;
    assert.throws(
      () => new ConnectionPool(options as never),
      (error: unknown) =>
        error instanceof TypeError && error.message.includes(name) && !inspect(error).includes(CANARY),
      name,
    );
  }
  await sleep(10);
  assert.equal(scripted.connections.length, 0);
});

test('the password is in no error, event or text of a pool that fails', async () => {
  await using locked = await startServer({ requirepass: 'right' });
  const seen: unknown[] = [];
  await using pool = ConnectionPool.fromUrl(`redis://user:${CANARY}@127.0.0.1:${locked.port}?clientName=x`, {
    timeout: 300,
  });
  seen.push(pool, pool.statistics, await failure(pool.execute('PING')), await failure(pool.open()));
  await using scripted = await ScriptedServer.start({
    HELLO: reply.error(
      `ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'user' '${CANARY}'`,
    ),
    AUTH: reply.error(`WRONGPASS`),
  });
  await using old = new ConnectionPool({ location: scripted.location, username: 'user', password: CANARY });
  seen.push(old, await failure(old.execute('SET', 'k', CANARY)));
  await scripted.stopListening();
  seen.push(
    await failure(old.execute('SET', 'k', CANARY)),
    await failure(old.executeRequest('SET', ['k', CANARY], { timeout: 50 })),
  );
  scripted.script({
    SET: reply.error(`ERR unknown command 'SET', with args beginning with: 'k' '${CANARY}'`),
  });
  await scripted.listen();
  seen.push(await failure(old.executeRequest('SET', ['k', CANARY], { timeout: 5_000 })));
  seen.push(await old.executeBatch([{ command: 'SET', args: ['k', CANARY] }]));
  for (const thing of seen) {
    assert.ok(!inspect(thing, { depth: 10, showHidden: true }).includes(CANARY), inspect(thing));
    assert.ok(!JSON.stringify(thing, Object.getOwnPropertyNames(Object(thing))).includes(CANARY));
    assert.ok(!`${String(thing)} ${(thing as Error).stack}`.includes(CANARY));
  }
});
