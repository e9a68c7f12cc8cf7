import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionError, RedisClusterError } from '../../../../src/errors/errors.ts';
import { replyError } from '../../../../src/errors/reply-errors.ts';
import type { Reply } from '../../../../src/resp/types.ts';
import { Discovery, type DiscoveryOptions } from '../../../../src/topology/cluster/discovery.ts';
import { ManualClock } from '../manual-clock.ts';
import { at, node, parse, same, threeShards } from './fixtures.ts';

type Answer = Reply | Error | 'hang';
/** Node → command → answer. */
type Script = Record<string, Record<string, Answer>>;

function stage(script: Script, options: Partial<DiscoveryOptions> = {}) {
  const clock = new ManualClock();
  const asked: string[] = [];
  const warnings: string[] = [];
  const discovery = new Discovery({
    startNodes: [at(7000), at(7001), at(7002)],
    resolve: same,
    clock,
    random: clock.random,
    warn: (message) => warnings.push(message),
    ask: (location, command, args, { timeout }) => {
      assert.equal(timeout, 2_000);
      asked.push(`${location.port} ${command} ${args[0]}`);
      const answer = script[location.port]?.[`${command} ${args[0]}`] ?? new ConnectionError('refused');
      if (answer === 'hang') return new Promise(() => {});
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
    ...options,
  });
  return { discovery, clock, asked, warnings };
}
const partial: Reply = [[0, 16_000, node(7000)]];
const slots = (answer: Answer) => ({ 'CLUSTER SLOTS': answer });

test('the first answer wins and full coverage asks no further question', async () => {
  const { discovery, asked, clock } = stage({ 7000: slots(threeShards()) });
  const { map } = await discovery.discover();
  assert.equal(map.nodes.length, 6);
  assert.deepEqual(asked, ['7000 CLUSTER SLOTS']);
  assert.equal(clock.pending, 0);
});

test('every failure of one node leads to the next', async () => {
  const failures: Answer[] = [
    new ConnectionError('refused'),
    replyError('ERR This instance has cluster support disabled'),
    replyError('NOAUTH Authentication required.'),
    new Error('not of this package'),
    'nonsense',
    [],
    [[0, 99_999, node(7000)]],
    [[0, 5, ['10.0.0.1', 0]]],
  ];
  for (const failure of failures) {
    const { discovery } = stage({ 7000: slots(failure), 7001: slots(threeShards()) });
    assert.equal((await discovery.discover()).map.covered, 16_384);
  }
});

test('a node that hangs is joined after its head start', async () => {
  const { discovery, clock, asked } = stage({ 7000: slots('hang'), 7001: slots(threeShards()) });
  const found = discovery.discover();
  await clock.pass(250);
  assert.equal((await found).map.covered, 16_384);
  assert.equal(asked.length, 2);
});

test('an unanswered discovery reports what each node did', async () => {
  const { discovery, clock } = stage({
    7000: slots('hang'),
    7001: slots(replyError('NOAUTH Authentication required.')),
  });
  const found = discovery.discover();
  found.catch(() => {});
  await clock.pass(2_000);
  await assert.rejects(found, (error: RedisClusterError) => {
    assert.ok(error instanceof RedisClusterError);
    assert.match(error.message, /cannot be connected/);
    const { cause } = error;
    assert.ok(cause instanceof AggregateError);
    assert.equal(cause.errors.length, 3);
    assert.match(cause.message, /:7001: NOAUTH Authentication required/);
    return true;
  });
});

test('an empty list of start nodes gives the same error without a cause', async () => {
  const { discovery } = stage({}, { startNodes: [] });
  await assert.rejects(discovery.discover(), (error: Error) => {
    assert.match(error.message, /cannot be connected/);
    return error instanceof RedisClusterError && error.cause === undefined;
  });
});

test('slot gaps are refused when the cluster requires coverage', async () => {
  const script = { ...slots(partial), 'CONFIG GET': ['cluster-require-full-coverage', 'yes'] };
  const { discovery } = stage({ 7000: script });
  await assert.rejects(discovery.discover(), /Not all slots are covered: 16001 of 16384/);
});

test('slot gaps are accepted when the cluster, or the caller, accepts them', async () => {
  const no = stage({ 7000: { ...slots(partial), 'CONFIG GET': ['cluster-require-full-coverage', 'no'] } });
  assert.equal((await no.discovery.discover()).map.covered, 16_001);
  assert.equal(no.warnings.length, 0);
  const skip = stage({ 7000: slots(partial) }, { skipFullCoverageCheck: true });
  assert.equal((await skip.discovery.discover()).map.covered, 16_001);
  assert.deepEqual(skip.asked, ['7000 CLUSTER SLOTS']);
});

test('a refused CONFIG counts as not required, and causes one warning', async () => {
  const { discovery, warnings } = stage({
    7000: { ...slots(partial), 'CONFIG GET': replyError("ERR unknown command 'CONFIG'") },
  });
  await discovery.discover();
  await discovery.discover();
  assert.equal(warnings.length, 1);
});

test('a lost connection at CONFIG is a failure of that node', async () => {
  const { discovery } = stage({ 7000: slots(partial), 7001: slots(threeShards()) });
  assert.equal((await discovery.discover()).map.covered, 16_384);
});

test('last known nodes are asked before start nodes, which are never forgotten', async () => {
  const before = parse([[0, 16_383, node(8000), node(8001)]]);
  const { discovery, asked } = stage({ 7002: slots(threeShards()) });
  await discovery.discover({ before });
  assert.deepEqual(asked.slice(0, 2).sort(), ['8000 CLUSTER SLOTS', '8001 CLUSTER SLOTS']);
  assert.deepEqual(
    asked.slice(2),
    ['7000', '7001', '7002'].map((port) => `${port} CLUSTER SLOTS`),
  );
});

test('nodes with the best knowledge are asked first, failing ones last', async () => {
  const before = parse([[0, 16_383, node(8000), node(8001)]]);
  const { discovery, asked } = stage({});
  const avoid = new Set(['10.0.0.1:8000', '10.0.0.1:7000']);
  await assert.rejects(discovery.discover({ before, prefer: [at(9000)], avoid }));
  assert.equal(asked[0], '9000 CLUSTER SLOTS');
  assert.deepEqual(asked.slice(-2).sort(), ['7000 CLUSTER SLOTS', '8000 CLUSTER SLOTS']);
});

test('without followCluster only start nodes are asked', async () => {
  const before = parse([[0, 16_383, node(8000)]]);
  const { discovery, asked } = stage({}, { followCluster: false });
  await assert.rejects(discovery.discover({ before }));
  assert.deepEqual(
    asked.map((line) => line.slice(0, 4)),
    ['7000', '7001', '7002'],
  );
});

test('one attempt asks a few of a thousand known nodes', async () => {
  const before = parse(Array.from({ length: 1_000 }, (_, index) => [index, index, node(10_000 + index)]));
  const { discovery, asked } = stage({});
  await assert.rejects(discovery.discover({ before }));
  assert.equal(asked.length, 16 + 3);
});

test('health is asked in the same round trip; a missing answer is no failure', async () => {
  const shards: Reply = [['nodes', [['id', 'id7003', 'health', 'loading']]]];
  const told = stage({ 7000: { ...slots(threeShards()), 'CLUSTER SHARDS': shards } }, { withHealth: true });
  assert.deepEqual([...(await told.discovery.discover()).unready], ['id7003']);
  const refused = stage(
    { 7000: { ...slots(threeShards()), 'CLUSTER SHARDS': replyError('ERR no') } },
    { withHealth: true },
  );
  assert.equal((await refused.discovery.discover()).unready.size, 0);
});

test('the stamp is the time when the winner was asked', async () => {
  const { discovery, clock } = stage({ 7000: slots('hang'), 7001: slots(threeShards()) });
  let version = 0;
  const found = discovery.discover({ stamp: () => ++version });
  await clock.pass(250);
  assert.equal((await found).stamp, 2);
});

test('an abort rejects with the reason of the signal', async () => {
  const { discovery } = stage({ 7000: slots('hang') });
  const reason = new Error('enough');
  const controller = new AbortController();
  const found = discovery.discover({ signal: controller.signal });
  controller.abort(reason);
  await assert.rejects(found, (error) => error === reason);
});
