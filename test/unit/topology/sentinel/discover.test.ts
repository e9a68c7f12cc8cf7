import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ConnectionError,
  PrimaryNotFoundError,
  ReplicaNotFoundError,
} from '../../../../src/errors/errors.ts';
import { replyError } from '../../../../src/errors/reply-errors.ts';
import type { Reply } from '../../../../src/resp/types.ts';
import { addressResolver } from '../../../../src/topology/cluster/address-map.ts';
import { findPrimary, findReplicas, learnSentinels } from '../../../../src/topology/sentinel/discover.ts';
import { SentinelList } from '../../../../src/topology/sentinel/sentinel-list.ts';
import { TCPLocation } from '../../../../src/transport/location.ts';
import { ManualClock } from '../manual-clock.ts';

type Answer = Reply | Error | 'hang';
type Script = Record<number, Record<string, Answer>>;
const ADDRESS = 'GET-MASTER-ADDR-BY-NAME';
const resolve = addressResolver();

function stage(script: Script, ports = [1, 2, 3]) {
  const clock = new ManualClock();
  const asked: string[] = [];
  const list = new SentinelList({
    sentinels: ports.map((port) => new TCPLocation('s', port)),
    clock,
    ask: (location, command, args) => {
      assert.equal(command, 'SENTINEL');
      assert.equal(args[1], 'mymaster');
      asked.push(`${location.port} ${args[0]}`);
      const answer = script[location.port]?.[args[0]!] ?? new ConnectionError('refused');
      if (answer === 'hang') return new Promise(() => {});
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
  });
  return { clock, asked, list, resolve };
}
const instance = (port: number, flags: string, more: Record<string, string> = {}): Reply =>
  Object.entries({ ip: '10.0.0.1', port: String(port), flags, ...more }).flat();
const knows = (port: number, flags = 'master', others = 2) => ({
  [ADDRESS]: ['10.0.0.1', String(port)],
  MASTER: instance(port, flags, { 'num-other-sentinels': String(others) }),
});
const order = (list: SentinelList) => list.locations.map(({ port }) => port);

test('the first answer wins, and its sentinel is asked first next time', async () => {
  const { list, asked } = stage({ 2: knows(6379), 3: knows(6380) });
  assert.equal(String(await findPrimary('mymaster', { list, resolve })), '10.0.0.1:6379');
  assert.deepEqual(order(list), [2, 1, 3]);
  asked.length = 0;
  await findPrimary('mymaster', { list, resolve });
  assert.deepEqual(asked, [`2 ${ADDRESS}`, '2 MASTER']);
});

test('every failure of one sentinel leads to the next', async () => {
  const failures: Record<string, Answer>[] = [
    { [ADDRESS]: null, MASTER: replyError('ERR No such master with that name') },
    { [ADDRESS]: replyError('NOAUTH Authentication required.') },
    { [ADDRESS]: replyError('IDONTKNOW I have not enough information') },
    { [ADDRESS]: ['h', '0'] },
    { [ADDRESS]: 'nonsense' },
    { [ADDRESS]: new Error('foreign') },
    knows(1, 'master,s_down'),
    knows(1, 's_down,o_down,master'),
    knows(1, 'slave'),
  ];
  for (const failure of failures) {
    const { list } = stage({ 1: failure, 2: knows(6379) });
    assert.equal((await findPrimary('mymaster', { list, resolve })).port, 6379);
  }
});

test('a hanging sentinel is joined by the next after its head start', async () => {
  const { list, clock } = stage({ 1: { [ADDRESS]: 'hang', MASTER: 'hang' }, 2: knows(6379) });
  const found = findPrimary('mymaster', { list, resolve });
  await clock.pass(200);
  assert.equal((await found).port, 6379);
  assert.equal(clock.pending, 0);
});

test('flags of the old primary do not count against the new address during a failover', async () => {
  const { list } = stage({ 1: { [ADDRESS]: ['10.0.0.1', '6380'], MASTER: instance(6379, 'master,o_down') } });
  assert.equal((await findPrimary('mymaster', { list, resolve })).port, 6380);
});

test('minOtherSentinels skips sentinels that know too few others', async () => {
  const script = { 1: knows(6379, 'master', 0), 2: knows(6380, 'master', 2) };
  assert.equal((await findPrimary('mymaster', { ...stage(script) })).port, 6379);
  assert.equal((await findPrimary('mymaster', { ...stage(script), minOtherSentinels: 2 })).port, 6380);
  await assert.rejects(
    findPrimary('mymaster', { ...stage(script), minOtherSentinels: 3 }),
    (error: Error) => {
      assert.ok(error instanceof PrimaryNotFoundError);
      assert.match(error.message, /No primary found for 'mymaster'.*knows 0 others, 3 are required/);
      return true;
    },
  );
  // A sentinel without that figure counts only when no minimum is set.
  const mute = { 1: { [ADDRESS]: ['h', '1'], MASTER: replyError('ERR unknown') } };
  assert.equal((await findPrimary('mymaster', { ...stage(mute) })).port, 1);
  await assert.rejects(
    findPrimary('mymaster', { ...stage(mute), minOtherSentinels: 1 }),
    PrimaryNotFoundError,
  );
});

test('the cause holds what each sentinel said when no sentinel knows the primary', async () => {
  const { list } = stage({ 2: { [ADDRESS]: null, MASTER: null } });
  await assert.rejects(findPrimary('mymaster', { list, resolve }), (error: Error) => {
    assert.ok(error instanceof PrimaryNotFoundError && error.cause instanceof AggregateError);
    assert.deepEqual(
      error.cause.errors.map((one: Error) => one.message.slice(0, 4)),
      ['s:1:', 's:2:', 's:3:'],
    );
    return true;
  });
  await assert.rejects(findPrimary('mymaster', { ...stage({}, []) }), /no sentinel is configured/);
});

test('the address map is applied', async () => {
  const { list } = stage({ 1: { ...knows(6379), REPLICAS: [instance(6379, 'slave')] } });
  const mapped = addressResolver({ '10.0.0.1:6379': new TCPLocation('proxy', 9) });
  assert.equal(String(await findPrimary('mymaster', { list, resolve: mapped })), 'proxy:9');
  assert.deepEqual((await findReplicas('mymaster', { list, resolve: mapped })).map(String), ['proxy:9']);
});

test('replicas that are up are found, those with a link to the primary first', async () => {
  const link = (status: string) => ({ 'master-link-status': status });
  const rows = [
    instance(1, 'slave', link('ok')),
    instance(2, 'slave,s_down', link('ok')),
    instance(3, 'slave,disconnected'),
    instance(4, 'o_down,slave'),
    instance(5, 'slave', link('err')),
  ];
  const some = stage({ 2: { REPLICAS: rows } });
  assert.deepEqual(
    (await findReplicas('mymaster', some)).map(({ port }) => port),
    [1],
  );
  const unlinked = stage({ 2: { REPLICAS: rows.slice(1) } });
  assert.deepEqual(
    (await findReplicas('mymaster', unlinked)).map(({ port }) => port),
    [5],
  );
  const none = stage({ 2: { REPLICAS: [] } });
  assert.deepEqual(await findReplicas('mymaster', none), []);
});

test('an unknown service has no replicas; silent sentinels are an error', async () => {
  const unknown = stage({ 1: { REPLICAS: replyError('ERR No such master with that name') } });
  assert.deepEqual(await findReplicas('mymaster', unknown), []);
  await assert.rejects(findReplicas('mymaster', stage({})), ReplicaNotFoundError);
});

test('sentinels learned from others are asked too; configured ones are never forgotten', async () => {
  const sentinel = (port: number) => instance(port, 'sentinel');
  const { list } = stage({ 1: { SENTINELS: [sentinel(7), sentinel(0), sentinel(8)] } });
  await learnSentinels('mymaster', { list, resolve });
  assert.deepEqual(order(list), [1, 2, 3, 7, 8]);
  list.learn(Array.from({ length: 500 }, (_, index) => new TCPLocation('l', 100 + index)));
  assert.equal(list.locations.length, 3 + 64);
  assert.deepEqual(order(list).slice(0, 3), [1, 2, 3]);
  assert.ok(!order(list).includes(7));
  list.learn([new TCPLocation('S', 2)]);
  assert.equal(list.locations.length, 3 + 64);
  list.prefer(new TCPLocation('l', 599));
  assert.deepEqual(order(list).slice(0, 4), [599, 1, 2, 3]);
  await learnSentinels('mymaster', { ...stage({}) });
});
