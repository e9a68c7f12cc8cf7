import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ConnectionError, PoolClosedError, Sentinel } from '../../../src/index.ts';
import { reply, startServer, type TestServer } from '../../../src/testkit/index.ts';
import { FakeData, FakeSentinel } from './scripted.ts';
import { eventually } from './support.ts';

let one: TestServer;
let two: TestServer;
before(async () => {
  [one, two] = await Promise.all([startServer(), startServer()]);
});
after(() => Promise.all([one.stop(), two.stop()]));

const blocked = (server: TestServer, count: number): Promise<void> =>
  eventually(`${count} blocked`, async () =>
    new RegExp(`blocked_clients:${count}\\b`).test(String(await server.command('INFO', 'clients'))),
  );

test('a switch of primaries repeats what is blocked at the new one, as often as it comes', async () => {
  await using sentinel = await FakeSentinel.start({ primary: one });
  await using manager = new Sentinel({ sentinels: [sentinel.location], decodeResponses: true });
  await using pool = manager.primaryFor('m');
  // Of a pool that has no other connection, as a worker's.
  const names = ['a', 'b', 'c'];
  const waiting = names.map((name) => pool.execute('BLPOP', name, 0));
  const pools = waiting.length;
  let [here, there] = [one, two];
  for (let turn = 0; turn < 5; turn++) {
    await blocked(here, pools);
    await sentinel.listened();
    sentinel.script.primary = there;
    sentinel.announce('m', here, there);
    [here, there] = [there, here];
  }
  await blocked(here, pools);
  for (const name of names) await here.command('RPUSH', name, 'x');
  assert.deepEqual(
    await Promise.all(waiting),
    names.map((name) => [name, 'x']),
  );
  await blocked(there, 0);
  await eventually('nothing is left at the old primary', async () => {
    const clients = String(await there.command('CLIENT', 'LIST', 'TYPE', 'NORMAL'));
    return clients.trim().split('\n').length === 1;
  });
});

test('a blocked command whose old primary does not answer may have been executed', async () => {
  await using old = await FakeData.start();
  await using sentinel = await FakeSentinel.start({ primary: old });
  await using manager = new Sentinel({ sentinels: [sentinel.location], decodeResponses: true });
  await using pool = manager.primaryFor('m');
  old.server.script({ BLPOP: null });
  const call = pool.execute('BLPOP', 'q', 0);
  const lost = assert.rejects(call, (error: ConnectionError) => {
    assert.ok(error instanceof ConnectionError && error.maybeExecuted);
    assert.match(error.message, /'m' has another primary/);
    return true;
  });
  await old.server.waitForCommand('BLPOP');
  await sentinel.listened();
  await old.server.stopListening();
  for (const connection of old.server.openConnections) connection.blackHole();
  sentinel.script.primary = two;
  sentinel.announce('m', old, two);
  await lost;
});

test('an element that the old primary hands over while it is left resolves the call', async () => {
  await using old = await FakeData.start();
  await using sentinel = await FakeSentinel.start({ primary: old });
  await using manager = new Sentinel({ sentinels: [sentinel.location], decodeResponses: true });
  await using pool = manager.primaryFor('m');
  let pop = (_: string): void => {};
  old.server.script({
    BLPOP: () => new Promise<string>((resolve) => (pop = resolve)),
    INFO: reply.bulk('run_id:abc'),
    CLIENT: ([, word]) => {
      if (word?.toUpperCase() !== 'UNBLOCK') return undefined;
      pop(reply.array(reply.bulk('q'), reply.bulk('v')));
      return reply.integer(0);
    },
  });
  const call = pool.execute('BLPOP', 'q', 0);
  await old.server.waitForCommand('BLPOP');
  await sentinel.listened();
  sentinel.script.primary = two;
  sentinel.announce('m', old, two);
  assert.deepEqual(await call, ['q', 'v']);
});

test('UNBLOCKED at a demotion is repeated each time', async () => {
  await using first = await FakeData.start();
  await using sentinel = await FakeSentinel.start({ primary: first });
  await using manager = new Sentinel({ sentinels: [sentinel.location], decodeResponses: true });
  await using pool = manager.primaryFor('m');
  let demotions = 0;
  const demoted =
    'UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)';
  first.server.script({
    BLPOP: () => (++demotions <= 6 ? reply.error(demoted) : reply.array(reply.bulk('q'), reply.bulk('v'))),
  });
  assert.deepEqual(await pool.execute('BLPOP', 'q', 0), ['q', 'v']);
  assert.equal(first.count('BLPOP'), 7);
});

test('close() in the midst of a switch: a call that was unblocked rejects with PoolClosedError', async () => {
  await using old = await FakeData.start();
  await using sentinel = await FakeSentinel.start({ primary: old });
  await using manager = new Sentinel({ sentinels: [sentinel.location], decodeResponses: true });
  const pool = manager.primaryFor('m');
  let unblock = (_: string): void => {};
  let asked = (): void => {};
  const whenAsked = new Promise<void>((resolve) => (asked = resolve));
  old.server.script({
    BLPOP: () => new Promise<string>((resolve) => (unblock = resolve)),
    INFO: reply.bulk('run_id:abc'),
    CLIENT: ([, word]) => {
      if (word?.toUpperCase() !== 'UNBLOCK') return undefined;
      asked();
      return reply.integer(1);
    },
  });
  const call = assert.rejects(pool.execute('BLPOP', 'q', 0), (error: PoolClosedError) => {
    assert.ok(error instanceof PoolClosedError && !error.maybeExecuted, String(error));
    return true;
  });
  await old.server.waitForCommand('BLPOP');
  await sentinel.listened();
  sentinel.script.primary = two;
  sentinel.announce('m', old, two);
  await whenAsked;
  const closed = pool.close();
  unblock(reply.null);
  await Promise.all([call, closed]);
});
