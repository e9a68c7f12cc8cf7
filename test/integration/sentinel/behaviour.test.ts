import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ConnectionError,
  PrimaryNotFoundError,
  ReadOnlyError,
  ReplicaNotFoundError,
  Sentinel,
  SentinelError,
  StalePrimaryError,
  TimeoutError,
} from '../../../src/index.ts';
import { reply, ScriptedServer } from '../../../src/testkit/index.ts';
import { FakeData, FakeSentinel } from './scripted.ts';
import { eventually } from './support.ts';

const DEAD = { host: '127.0.0.1', port: 1 };

test('a sentinel that names a replica costs a retry at the next one, never a write on a replica', async () => {
  await using primary = await FakeData.start();
  await using replica = await FakeData.start('slave');
  await using liar = await FakeSentinel.start({ primary: replica });
  await using honest = await FakeSentinel.start({ primary });
  await using manager = new Sentinel({ sentinels: [liar.location, honest.location] });
  await using pool = manager.primaryFor('m', { decodeResponses: true });
  assert.equal(await pool.execute('SET', 'k', 'v'), 'OK');
  assert.equal(replica.count('SET'), 0);
  assert.equal(primary.count('SET'), 1);
  assert.equal(String(manager.sentinels[0]), String(honest.location));
});

test('a sentinel that names a dead address costs a retry at the next one', async () => {
  await using primary = await FakeData.start();
  await using liar = await FakeSentinel.start({ primary: DEAD });
  await using honest = await FakeSentinel.start({ primary });
  await using manager = new Sentinel({ sentinels: [liar.location, honest.location] });
  await using pool = manager.primaryFor('m', { decodeResponses: true });
  assert.equal(await pool.execute('SET', 'k', 'v'), 'OK');
});

test('sentinels that answer with errors, nonsense or nothing are skipped', async () => {
  await using primary = await FakeData.start();
  await using refusing = await FakeSentinel.start({ instead: reply.error('NOPERM no') });
  await using mad = await FakeSentinel.start({ instead: reply.simple('hm') });
  await using mute = await FakeSentinel.start({ instead: new Promise<never>(() => {}) });
  await using honest = await FakeSentinel.start({ primary });
  const sentinels = [refusing, mad, mute, honest].map(({ location }) => location);
  await using manager = new Sentinel({ sentinels });
  assert.equal((await manager.discoverPrimary('m')).port, primary.port);
});

test('PrimaryNotFoundError tells what each sentinel said; a pool without a limit rejects with it, and loses no slot', async () => {
  await using refusing = await FakeSentinel.start({ instead: reply.error('NOPERM no') });
  await using ignorant = await FakeSentinel.start({});
  await using primary = await FakeData.start();
  const sentinels = [refusing.location, ignorant.location, DEAD];
  await using manager = new Sentinel({ sentinels });
  await assert.rejects(manager.discoverPrimary('m'), (error: PrimaryNotFoundError) => {
    assert.ok(error instanceof PrimaryNotFoundError && error instanceof SentinelError);
    assert.match(error.message, /^No primary found for 'm'/);
    const causes = (error.cause as AggregateError).errors as Error[];
    assert.equal(causes.length, 3);
    return true;
  });
  await using pool = manager.primaryFor('m', { maxConnections: 2 });
  for (let n = 0; n < 4; n++) await assert.rejects(pool.getConnection(), PrimaryNotFoundError);
  await assert.rejects(pool.getConnection({ timeout: 100 }), (error: TimeoutError) => {
    assert.ok(error instanceof TimeoutError);
    assert.ok(error.cause instanceof PrimaryNotFoundError);
    return true;
  });
  ignorant.script.primary = primary;
  const connection = await pool.getConnection({ timeout: 10_000 });
  pool.release(connection);
  assert.equal(pool.statistics.activeConnections, 1);
});

test('a replica in place of the primary is StalePrimaryError, and no slot is lost', async () => {
  await using data = await FakeData.start('slave');
  await using sentinel = await FakeSentinel.start({ primary: data });
  await using manager = new Sentinel({ sentinels: [sentinel.location] });
  await using pool = manager.primaryFor('m', { maxConnections: 1 });
  for (let n = 0; n < 3; n++) await assert.rejects(pool.getConnection(), StalePrimaryError);
  data.role = 'master';
  pool.release(await pool.getConnection({ timeout: 10_000 }));
});

test('noreply connections have their role verified too', async () => {
  await using primary = await FakeData.start();
  await using replica = await FakeData.start('slave');
  await using sentinel = await FakeSentinel.start({ primary, replicas: [replica] });
  await using manager = new Sentinel({ sentinels: [sentinel.location], noreply: true });
  for (const pool of [manager.primaryFor('m'), manager.replicaFor('m')]) {
    assert.equal(await pool.execute('PING'), null);
    await pool.close();
  }
  assert.equal(primary.count('ROLE') + replica.count('ROLE'), 2);
});

test('a new primary ends every connection to the old one, leased ones too', async () => {
  await using one = await FakeData.start();
  await using two = await FakeData.start();
  await using sentinel = await FakeSentinel.start({ primary: one });
  await using manager = new Sentinel({ sentinels: [sentinel.location] });
  await using pool = manager.primaryFor('m');
  const port = (): number | undefined => pool.location?.port;
  assert.ok(pool.location === null && pool.address === null);
  const leased = await pool.acquire();
  const idle = await pool.acquire();
  idle.release();
  assert.equal(port(), one.port);
  assert.equal(pool.address, `127.0.0.1:${one.port}`);
  await pool.getPrimaryLocation();
  assert.ok(leased.connection.usable && idle.connection.usable, 'the same primary changes nothing');

  sentinel.script.primary = two;
  assert.equal((await pool.getPrimaryLocation()).port, two.port);
  assert.equal(port(), two.port);
  assert.ok(!leased.connection.usable && !idle.connection.usable);
  assert.equal(pool.statistics.activeConnections, 0);
  leased.release();
  assert.equal(String(await pool.execute('GET', 'x')), String(two.port));
});

test('an announced switch sends nothing more to the old primary; calls in flight may have been executed', async () => {
  await using one = await FakeData.start();
  await using two = await FakeData.start();
  await using sentinel = await FakeSentinel.start({ primary: one });
  await using manager = new Sentinel({ sentinels: [sentinel.location] });
  await using pool = manager.primaryFor('m');
  await pool.execute('SET', 'a', 1);
  await sentinel.listened();
  for (const connection of one.server.openConnections) connection.blackHole();
  const inFlight = pool.execute('SET', 'a', 2);
  const lost = assert.rejects(inFlight, (error: ConnectionError) => {
    assert.ok(error instanceof ConnectionError && error.maybeExecuted);
    return true;
  });
  await new Promise(setImmediate);
  sentinel.script.primary = two;
  sentinel.announce('m', one, two);
  await lost;
  const writes = one.count('SET');
  assert.equal(pool.location?.port, two.port);
  await Promise.all(Array.from({ length: 50 }, (_, n) => pool.execute('SET', 'b', n)));
  assert.equal(one.count('SET'), writes);
  assert.equal(two.count('SET'), 50);
});

test('a hanging dial is given up when the primary turns out to be elsewhere', async () => {
  await using two = await FakeData.start();
  await using one = await FakeData.start();
  one.server.script({ HELLO: () => new Promise<never>(() => {}) });
  await using sentinel = await FakeSentinel.start({ primary: one });
  await using manager = new Sentinel({ sentinels: [sentinel.location], connectTimeout: 60_000 });
  await using pool = manager.primaryFor('m');
  const written = pool.executeRequest('SET', ['a', 1], { timeout: 30_000 });
  await one.server.waitForCommand('HELLO');
  await sentinel.listened();
  await eventually('its connection is there', () => sentinel.asked.length > 0);
  sentinel.script.primary = two;
  sentinel.announce('m', one, two);
  assert.equal(String(await written), 'OK');
  assert.equal(two.count('SET'), 1);
});

test('a sentinel that lags behind an announced switch is not believed', async () => {
  await using one = await FakeData.start();
  await using two = await FakeData.start();
  await using quick = await FakeSentinel.start({ primary: one });
  await using slow = await FakeSentinel.start({ primary: one });
  await using manager = new Sentinel({ sentinels: [slow.location, quick.location] });
  await using pool = manager.primaryFor('m');
  await pool.execute('SET', 'a', 1);
  await quick.listened();
  // Only the sentinel that announced it knows the new primary, and that sentinel is gone.
  quick.announce('m', one, two);
  await eventually('the switch is heard', () => pool.location?.port === two.port);
  await quick.server.close();
  await pool.execute('SET', 'a', 2);
  assert.equal(one.count('SET'), 1);
  assert.equal(two.count('SET'), 1);
});

test('an announcement that does not start from the known primary is verified, not believed', async () => {
  await using one = await FakeData.start();
  await using two = await FakeData.start();
  await using sentinel = await FakeSentinel.start({ primary: one });
  await using manager = new Sentinel({ sentinels: [sentinel.location] });
  await using pool = manager.primaryFor('m');
  await pool.execute('SET', 'a', 1);
  await sentinel.listened();
  const asked = sentinel.asked.length;
  sentinel.announce('m', DEAD, two);
  sentinel.announce('other', one, two);
  await eventually('the sentinel is asked', () => sentinel.asked.length > asked);
  await pool.execute('SET', 'a', 2);
  assert.equal(pool.location?.port, one.port);
  assert.equal(two.server.connections.length, 0);
});

test('without announcements the sentinels are asked, and the new primary is verified before the old one is left', async () => {
  await using one = await FakeData.start();
  await using two = await FakeData.start('slave');
  await using deaf = await FakeSentinel.start({ primary: one, deaf: true });
  await using manager = new Sentinel({ sentinels: [deaf.location] });
  await using pool = manager.primaryFor('m');
  await pool.execute('SET', 'a', 1);
  deaf.script.primary = two;
  await eventually('it is asked and verified', () => two.count('ROLE') > 0);
  await pool.execute('SET', 'a', 2);
  assert.equal(one.count('SET'), 2);
  two.role = 'master';
  await eventually('the pool has moved', () => pool.location?.port === two.port);
  await pool.execute('SET', 'a', 3);
  assert.deepEqual([one.count('SET'), two.count('SET')], [2, 1]);
});

test('the verification of another primary ends with the pool', async () => {
  await using one = await FakeData.start();
  await using mute = await ScriptedServer.start({ HELLO: null });
  await using deaf = await FakeSentinel.start({ primary: one, deaf: true });
  await using manager = new Sentinel({ sentinels: [deaf.location] });
  const pool = manager.primaryFor('m');
  await pool.execute('SET', 'a', 1);
  deaf.script.primary = mute;
  await eventually('it is looked at', () => mute.openConnections.length > 0);
  await pool.close();
  await eventually('nothing is open', () => mute.openConnections.length === 0, 1_000);
});

test('READONLY looks the primary up again and repeats the refused command once, but not a script', async () => {
  await using one = await FakeData.start();
  await using two = await FakeData.start();
  await using sentinel = await FakeSentinel.start({ primary: one });
  await using manager = new Sentinel({ sentinels: [sentinel.location] });
  await using pool = manager.primaryFor('m');
  await pool.execute('SET', 'a', 1);
  one.role = 'slave';
  sentinel.script.primary = two;
  await assert.rejects(pool.execute('EVAL', 'return 1', 0), ReadOnlyError);
  const answers = await Promise.all([1, 2, 3].map((n) => pool.execute('SET', 'a', n)));
  assert.deepEqual(answers.map(String), ['OK', 'OK', 'OK']);
  assert.equal(two.count('SET'), 3);
  assert.equal(two.count('EVAL'), 0);
  // Refused again: handed over.
  two.server.script({
    SET: reply.error('READONLY no'),
    ROLE: reply.array(reply.bulk('master'), reply.integer(0), reply.array()),
  });
  await assert.rejects(pool.execute('SET', 'a', 4), ReadOnlyError);
  assert.equal(two.count('SET'), 5);
});

test('replicas take turns, their role is verified, and their READONLY rejects at once', async () => {
  await using primary = await FakeData.start();
  await using one = await FakeData.start('slave');
  await using two = await FakeData.start('slave');
  await using sentinel = await FakeSentinel.start({
    primary,
    replicas: [one, primary, two, { host: '127.0.0.1', port: 2, flags: 'slave,s_down' }],
  });
  await using manager = new Sentinel({ sentinels: [sentinel.location] });
  await using pool = manager.replicaFor('m');
  const leases = [];
  for (let n = 0; n < 4; n++) leases.push(await pool.acquire());
  const ports = leases.map(({ connection }) => connection.port);
  assert.deepEqual(ports.filter((port) => port === one.port).length, 2);
  assert.deepEqual(ports.filter((port) => port === two.port).length, 2);
  for (const lease of leases) lease.release();
  assert.equal(primary.count('PING'), 0);
  const sets = (): number => one.count('SET') + two.count('SET');
  await assert.rejects(pool.execute('SET', 'a', 1), ReadOnlyError);
  assert.equal(sets(), 1);
  const found = [];
  for (let n = 0; n < 6; n++) found.push((await pool.getReplica()).port);
  assert.ok(found.includes(one.port) && found.includes(two.port));
  assert.ok(!found.includes(2));
});

test('the primary serves without a reachable replica, until there is one again', async () => {
  await using primary = await FakeData.start();
  await using replica = await FakeData.start('slave');
  await using sentinel = await FakeSentinel.start({ primary, replicas: [DEAD] });
  await using manager = new Sentinel({ sentinels: [sentinel.location], decodeResponses: true });
  await using pool = manager.replicaFor('m');
  assert.equal(await pool.execute('GET', 'x'), String(primary.port));
  assert.equal((await pool.getReplica()).port, primary.port);
  sentinel.script.replicas = [replica];
  await eventually(
    'a replica serves again',
    async () => (await pool.execute('GET', 'x')) === String(replica.port),
  );

  sentinel.script.replicas = [];
  sentinel.script.primary = null;
  await using lost = manager.replicaFor('m');
  await assert.rejects(lost.getConnection(), (error: Error) => {
    assert.ok(error instanceof ReplicaNotFoundError);
    assert.match(error.message, /^No replica found for 'm'/);
    return true;
  });
  await assert.rejects(lost.getReplica(), ReplicaNotFoundError);
  assert.deepEqual(await manager.discoverReplicas('unheard-of'), []);
});

test('host names and IPv6 addresses of sentinels are dialled', async () => {
  await using named = await FakeData.start();
  await using six = await FakeData.start('master', { host: '::1' });
  await using sentinel = await FakeSentinel.start(
    { primary: { host: 'localhost', port: named.port } },
    { host: '::1' },
  );
  await using manager = new Sentinel({ sentinels: [sentinel.location], decodeResponses: true });
  await using pool = manager.primaryFor('m');
  assert.equal(await pool.execute('GET', 'x'), String(named.port));
  assert.equal(pool.address, `localhost:${named.port}`);
  sentinel.script.primary = six;
  assert.equal((await pool.getPrimaryLocation()).host, '::1');
  assert.equal(await pool.execute('GET', 'x'), String(six.port));
});

test('close() leaves no connection: a URL pool closes its manager, a Sentinel leaves its pools open', async () => {
  await using data = await FakeData.start();
  await using sentinel = await FakeSentinel.start({ primary: data });
  const manager = new Sentinel({ sentinels: [sentinel.location] });
  const pool = manager.primaryFor('m');
  await pool.execute('PING');
  await sentinel.listened();
  await manager.close();
  await eventually('the sentinel is left alone', () => sentinel.server.openConnections.length === 0);
  assert.equal(String(await pool.execute('GET', 'x')), String(data.port));
  await assert.rejects(manager.discoverPrimary('m'), SentinelError);
  await pool.close();

  const { SentinelConnectionPool } = await import('../../../src/index.ts');
  const own = SentinelConnectionPool.fromUrl(`redis+sentinel://${sentinel.location}/m`);
  await own.execute('PING');
  await eventually('it listens', () => sentinel.server.openConnections.length === 2);
  const closing = own.close();
  assert.equal(own.close(), closing);
  await closing;
  const open = (): number => sentinel.server.openConnections.length + data.server.openConnections.length;
  await eventually('nothing is open', () => open() === 0);
});

test('an announcement moves every pool, also when a look-up has learned of it before', async () => {
  await using one = await FakeData.start();
  await using two = await FakeData.start();
  await using sentinel = await FakeSentinel.start({ primary: one });
  await using manager = new Sentinel({ sentinels: [sentinel.location] });
  await using pool = manager.primaryFor('m');
  await pool.execute('SET', 'a', 1);
  await sentinel.listened();
  // The new primary answers nothing yet, so that the look-up cannot be verified.
  two.server.script({ HELLO: null });
  sentinel.script.primary = two;
  assert.equal((await manager.discoverPrimary('m')).port, two.port);
  assert.equal(pool.location?.port, one.port);
  sentinel.announce('m', one, two);
  await eventually('the pool has left the old primary', () => pool.location?.port === two.port, 1_000);
});

test('a look-up by one pool lets the others verify the new primary at once', async () => {
  await using one = await FakeData.start();
  await using two = await FakeData.start();
  await using sentinel = await FakeSentinel.start({ primary: one });
  await using manager = new Sentinel({ sentinels: [sentinel.location] });
  await using first = manager.primaryFor('m');
  await using second = manager.primaryFor('m');
  await Promise.all([first, second].map((pool) => pool.execute('SET', 'a', 1)));
  await sentinel.listened();
  sentinel.script.primary = two;
  await manager.discoverPrimary('m');
  const moved = (): boolean => [first, second].every((pool) => pool.location?.port === two.port);
  await eventually('both pools have moved', moved, 1_000);
});

test('a dial that proves a move informs the other pools', async () => {
  await using one = await FakeData.start();
  await using two = await FakeData.start();
  await using sentinel = await FakeSentinel.start({ primary: one });
  await using manager = new Sentinel({ sentinels: [sentinel.location] });
  await using idle = manager.primaryFor('m');
  await using busy = manager.primaryFor('m');
  await Promise.all([idle, busy].map((pool) => pool.execute('SET', 'a', 1)));
  sentinel.script.primary = two;
  busy.disconnect();
  await busy.execute('SET', 'a', 2);
  await eventually('the other pool has moved', () => idle.location?.port === two.port, 1_000);
});

test('READONLY on a lease ends the connections to a demoted primary', async () => {
  await using one = await FakeData.start();
  await using two = await FakeData.start();
  await using sentinel = await FakeSentinel.start({ primary: one });
  await using manager = new Sentinel({ sentinels: [sentinel.location] });
  await using pool = manager.primaryFor('m');
  await pool.use((connection) => connection.execute('SET', 'a', 1));
  one.role = 'slave';
  sentinel.script.primary = two;
  const write = (): Promise<unknown> => pool.use((connection) => connection.execute('SET', 'a', 2));
  await assert.rejects(write(), ReadOnlyError);
  assert.equal(String(await write()), 'OK');
  assert.equal(two.count('SET'), 1);
});

test('UNBLOCKED at a demotion proves that no element was popped, so the call is repeated', async () => {
  await using one = await FakeData.start();
  await using two = await FakeData.start();
  await using sentinel = await FakeSentinel.start({ primary: one });
  await using manager = new Sentinel({ sentinels: [sentinel.location], decodeResponses: true });
  await using pool = manager.primaryFor('m');
  await pool.execute('SET', 'a', 1);
  const demoted =
    'UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)';
  one.server.script({
    BLPOP: () => {
      one.role = 'slave';
      sentinel.script.primary = two;
      return reply.error(demoted);
    },
  });
  two.server.script({
    ROLE: reply.array(reply.bulk('master'), reply.integer(0), reply.array()),
    BLPOP: reply.array(reply.bulk('q'), reply.bulk('v')),
  });
  assert.deepEqual(await pool.execute('BLPOP', 'q', 5), ['q', 'v']);
});

test('a replica that answers MASTERDOWN rests, and the next healthy one is asked at once', async () => {
  await using primary = await FakeData.start();
  await using one = await FakeData.start('slave');
  await using two = await FakeData.start('slave');
  await using sentinel = await FakeSentinel.start({ primary, replicas: [one, two] });
  await using manager = new Sentinel({ sentinels: [sentinel.location], decodeResponses: true });
  await using pool = manager.replicaFor('m');
  const first = Number(await pool.execute('GET', 'x'));
  const [lost, other] = first === one.port ? [one, two] : [two, one];
  const down = "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.";
  lost.server.script({ GET: reply.error(down) });
  // No time for a pause: what stands by answers.
  assert.equal(await pool.execute('GET', 'x'), String(other.port));
  assert.equal(await pool.use((connection) => connection.execute('GET', 'x')), String(other.port));
});
