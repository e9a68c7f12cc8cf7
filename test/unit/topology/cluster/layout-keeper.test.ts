import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { ConnectionError, RedisClusterError } from '../../../../src/errors/errors.ts';
import { replyError } from '../../../../src/errors/reply-errors.ts';
import type { Reply } from '../../../../src/resp/types.ts';
import { Discovery } from '../../../../src/topology/cluster/discovery.ts';
import { LayoutKeeper, type LayoutKeeperOptions } from '../../../../src/topology/cluster/layout-keeper.ts';
import type { TCPLocation } from '../../../../src/transport/location.ts';
import { ManualClock, seeded, settle } from '../manual-clock.ts';
import { at, node, same, threeShards } from './fixtures.ts';

/** A cluster whose nodes all answer alike; it counts the questions, and its answers can be held back. */
class Voice {
  says: Reply | Error = threeShards();
  asked: TCPLocation[] = [];
  held: (() => void)[] | null = null;

  readonly ask = (location: TCPLocation): Promise<Reply> => {
    this.asked.push(location);
    const says = this.says;
    const answer = async (): Promise<Reply> => {
      if (says instanceof Error) throw says;
      return says;
    };
    if (this.held === null) return answer();
    return new Promise((resolve, reject) => this.held!.push(() => void answer().then(resolve, reject)));
  };
}

function stage(options: Partial<LayoutKeeperOptions> = {}) {
  const clock = new ManualClock(seeded(5));
  const { random } = clock;
  const voice = new Voice();
  const refreshed: (Error | null)[] = [];
  const keeper = new LayoutKeeper({
    discovery: new Discovery({ startNodes: [at(7000)], resolve: same, clock, random, ask: voice.ask }),
    resolve: same,
    clock,
    random,
    refreshInterval: 60_000,
    onRefresh: (error) => refreshed.push(error),
    ...options,
  });
  return { clock, voice, refreshed, keeper };
}
const moved = (slot: number, port: number) => replyError(`MOVED ${slot} 10.0.0.1:${port}`);
const down = replyError('CLUSTERDOWN The cluster is down');

test('the first refresh fills the layout', async () => {
  const { keeper } = stage();
  await keeper.refresh();
  assert.equal(keeper.layout.nodes.length, 6);
  assert.deepEqual(keeper.refreshes, { succeeded: 1, failed: 0 });
});

test('concurrent callers share one refresh, each with its own signal', async () => {
  const { keeper, voice } = stage();
  voice.held = [];
  const controller = new AbortController();
  const impatient = keeper.refresh(controller.signal);
  const patient = keeper.refresh();
  controller.abort(new Error('enough'));
  await assert.rejects(impatient, /enough/);
  assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
  voice.held[0]!();
  await patient;
  assert.equal(voice.asked.length, 1);
});

test('MOVED changes its slot at once; below the threshold no node is asked', async () => {
  const { keeper, voice } = stage();
  await keeper.refresh();
  keeper.learn(moved(100, 7001), at(7000));
  assert.equal(keeper.layout.nodeForSlot(100).port, 7001);
  assert.equal(keeper.layout.nodeForSlot(101).port, 7000);
  await settle();
  assert.equal(voice.asked.length, 1);
});

test('10,000 MOVED in a burst cause one refresh', async () => {
  const { keeper, voice, clock } = stage();
  await keeper.refresh();
  voice.says = [
    [0, 10_922, node(7001)],
    [10_923, 16_383, node(7002)],
  ];
  for (let count = 0; count < 5_000; count++) keeper.learn(moved(count % 5461, 7001), at(7000));
  await clock.pass(1);
  for (let count = 5_000; count < 10_000; count++) keeper.learn(moved(count % 5461, 7001), at(7000));
  await clock.pass(5_000);
  assert.equal(voice.asked.length, 2);
  assert.equal(keeper.layout.nodeForSlot(0).port, 7001);
});

test('a burst in single file, with answers in between, causes one refresh too', async () => {
  const { keeper, voice, clock } = stage();
  await keeper.refresh();
  voice.says = [
    [0, 10_922, node(7001)],
    [10_923, 16_383, node(7002)],
  ];
  for (let count = 0; count < 1_000; count++) {
    keeper.learn(moved(count % 5461, 7001), at(7000));
    await settle();
  }
  await clock.pass(5_000);
  assert.equal(voice.asked.length, 2);
});

test('the node that a MOVED named is asked first', async () => {
  const { keeper, voice, clock } = stage();
  await keeper.refresh();
  keeper.learn(moved(100, 7004), at(7000));
  keeper.learn(moved(101, 7004), at(7000));
  await clock.pass(100);
  assert.equal(String(voice.asked[1]), '10.0.0.1:7004');
});

test('an answer requested before a MOVED does not undo it; one requested after it may', async () => {
  const { keeper, voice, clock } = stage({ reinitializeSteps: 1 });
  await keeper.refresh();
  voice.held = [];
  const refresh = keeper.refresh();
  await settle();
  keeper.learn(moved(100, 7001), at(7000));
  voice.held[0]!();
  await refresh;
  assert.equal(keeper.layout.nodeForSlot(100).port, 7001);
  // The contradiction asks for another look, whose answer is the newer one.
  voice.held = null;
  await clock.pass(200);
  assert.equal(voice.asked.length, 3);
  assert.equal(keeper.layout.nodeForSlot(100).port, 7000);
});

test('relevant errors are counted, and forgotten after a while', async () => {
  const counting: [unknown, number][] = [
    [down, 2],
    [new ConnectionError('lost'), 2],
    [replyError("READONLY You can't write against a read only replica."), 1],
  ];
  for (const [error, needed] of counting) {
    const { keeper, voice, clock } = stage();
    await keeper.refresh();
    for (let count = 0; count < needed; count++) {
      await clock.pass(1_000);
      assert.equal(voice.asked.length, 1);
      keeper.learn(error, at(7000));
    }
    await settle();
    assert.equal(voice.asked.length, 2);
  }
  const { keeper, voice, clock } = stage();
  await keeper.refresh();
  for (const line of ['ASK 1 10.0.0.1:7001', 'TRYAGAIN x', 'CROSSSLOT x', 'ERR x', 'WRONGTYPE x']) {
    for (let count = 0; count < 10; count++) keeper.learn(replyError(line), at(7000));
  }
  keeper.learn(down, at(7000));
  await clock.pass(10_001);
  keeper.learn(down, at(7000));
  await clock.pass(1_000);
  assert.equal(voice.asked.length, 1);
});

test('reinitializeSteps is the number of errors', async () => {
  const { keeper, voice, clock } = stage({ reinitializeSteps: 10 });
  await keeper.refresh();
  await clock.pass(100);
  for (let count = 0; count < 9; count++) keeper.learn(down, at(7000));
  await settle();
  assert.equal(voice.asked.length, 1);
  keeper.learn(down, at(7000));
  await settle();
  assert.equal(voice.asked.length, 2);
});

test('lasting errors cause refreshes in growing pauses: single digits for an outage of five seconds', async () => {
  const { keeper, voice, clock } = stage();
  await keeper.refresh();
  for (let elapsed = 0; elapsed < 5_000; elapsed += 10) {
    keeper.learn(new ConnectionError('lost'), at(7000));
    await clock.pass(10);
  }
  assert.ok(voice.asked.length > 5, `${voice.asked.length}`);
  assert.ok(voice.asked.length < 20, `${voice.asked.length}`);
});

test('a failing primary makes the layout refresh until another node has its slots, without further errors', async () => {
  const { keeper, voice, clock } = stage();
  await keeper.refresh();
  keeper.learn(new ConnectionError('lost'), at(7000));
  await clock.pass(300);
  keeper.learn(new ConnectionError('refused'), at(7000));
  await clock.pass(2_000);
  const asked = voice.asked.length;
  assert.ok(asked > 5 && asked < 12, `${asked}`);
  voice.says = [[0, 16_383, node(7001)]];
  await clock.pass(500);
  assert.equal(keeper.layout.nodeForSlot(0).port, 7001);
  const settled = voice.asked.length;
  await clock.pass(20_000);
  assert.equal(voice.asked.length, settled);
});

test('a lost connection is no outage, and an outage is watched for 15 seconds after its last error', async () => {
  const { keeper, voice, clock } = stage();
  await keeper.refresh();
  for (let count = 0; count < 50; count++) keeper.learn(new ConnectionError('lost'), at(7000));
  await clock.pass(20_000);
  assert.equal(voice.asked.length, 2);
  keeper.learn(new ConnectionError('lost'), at(7000));
  await clock.pass(200);
  keeper.learn(new ConnectionError('refused'), at(7000));
  await clock.pass(15_500);
  const asked = voice.asked.length;
  await clock.pass(20_000);
  assert.equal(voice.asked.length, asked);
});

test('a failing refresh keeps the map, is tried again, and never ends the watch', async () => {
  const { keeper, voice, clock, refreshed } = stage();
  await keeper.refresh();
  voice.says = new Error('not of this package');
  await assert.rejects(keeper.refresh(), RedisClusterError);
  assert.equal(keeper.layout.nodes.length, 6);
  await clock.pass(120_000);
  const failed = keeper.refreshes.failed;
  assert.ok(failed > 5 && failed < 25, `${failed}`);
  voice.says = [[0, 16_383, node(7001)]];
  await clock.pass(31_000);
  assert.equal(refreshed.at(-1), null);
  assert.equal(keeper.layout.nodes.length, 1);
});

test('a replica that answers although the layout marks it as failed causes a refresh', async () => {
  const clock = new ManualClock(seeded(5));
  let health = 'fail';
  let asked = 0;
  const ask = async (_: TCPLocation, __: string, [what]: readonly unknown[]): Promise<Reply> => {
    if (what === 'SHARDS') return [['nodes', [['id', 'id7003', 'health', health]]]];
    asked++;
    return threeShards();
  };
  const discovery = new Discovery({
    startNodes: [at(7000)],
    resolve: same,
    clock,
    random: clock.random,
    ask,
    withHealth: true,
  });
  const { keeper } = stage({ discovery, clock });
  await keeper.refresh();
  const replica = keeper.layout.nodes.find(({ port }) => port === 7003)!;
  const other = keeper.layout.nodes.find(({ port }) => port === 7004)!;
  for (let second = 0; second < 5; second++) {
    keeper.answered(other, 1);
    await clock.pass(1_000);
  }
  assert.deepEqual([asked, keeper.healthy(replica), keeper.healthy(other)], [1, false, true]);
  health = 'online';
  for (let second = 0; second < 5; second++) {
    keeper.answered(replica, 1);
    await clock.pass(1_000);
  }
  assert.deepEqual([asked, keeper.healthy(replica)], [2, true]);
});

test('a healthy layout is refreshed now and then, not in lockstep', async () => {
  const { keeper, voice, clock } = stage();
  await keeper.refresh();
  await clock.pass(45_000 - 1);
  assert.equal(voice.asked.length, 1);
  await clock.pass(600_000);
  assert.ok(voice.asked.length >= 8 && voice.asked.length <= 14);
  assert.equal(clock.pending, 1);
});

test('a first refresh that fails leaves no timer', async () => {
  const { keeper, voice, clock } = stage();
  voice.says = new Error('down');
  await assert.rejects(keeper.refresh(), RedisClusterError);
  assert.equal(clock.pending, 0);
  voice.says = threeShards();
  await keeper.refresh();
  assert.equal(keeper.layout.nodes.length, 6);
});

test('close ends every timer and refresh', async () => {
  const { keeper, voice, clock, refreshed } = stage({ reinitializeSteps: 1 });
  await keeper.refresh();
  voice.held = [];
  const refresh = keeper.refresh();
  keeper.close();
  await assert.rejects(refresh, /closed/);
  keeper.learn(down, at(7000));
  await assert.rejects(keeper.refresh(), /closed/);
  assert.equal(clock.pending, 0);
  assert.deepEqual(refreshed, [null]);
});

test('an unknown node of a MOVED is in the layout until the cluster denies it', async () => {
  const { keeper } = stage();
  const ports = () => keeper.layout.nodes.map(({ port }) => port);
  await keeper.refresh();
  keeper.learn(moved(1, 7100), at(7000));
  assert.deepEqual([keeper.layout.nodes.length, ports().includes(7100)], [7, true]);
  await keeper.refresh();
  assert.deepEqual([keeper.layout.nodes.length, ports().includes(7100)], [6, false]);
});
