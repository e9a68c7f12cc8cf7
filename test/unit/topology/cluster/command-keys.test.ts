import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolveCommand } from '../../../../src/commands/command-info.ts';
import { ClusterCrossSlotError, ConnectionError, ResponseError } from '../../../../src/errors/errors.ts';
import type { RedisValue, Reply } from '../../../../src/resp/types.ts';
import { CommandKeys, NO_SLOT, SLOT_UNKNOWN } from '../../../../src/topology/cluster/command-keys.ts';
import { keySlot } from '../../../../src/commands/key-slot.ts';
import { splitBySlot } from '../../../../src/topology/cluster/command-keys.ts';

const slotOf = (keys: CommandKeys, command: string, ...args: RedisValue[]): number =>
  keys.slotOf(resolveCommand(command, args), args);
/** The COMMAND INFO of a command with one key, the second argument. */
const described: Reply = [['jump', -3, ['write'], 2, 2, 1, []]];

test('the slot of a call is found, whatever its key is made of and wherever it stands', () => {
  const keys = new CommandKeys('utf-8');
  assert.equal(slotOf(keys, 'GET', 'a'), keySlot('a'));
  assert.equal(slotOf(keys, 'get', Buffer.from('a')), keySlot('a'));
  assert.equal(slotOf(keys, 'GET a'), keySlot('a'));
  assert.equal(slotOf(keys, 'GET', 7), keySlot('7'));
  assert.equal(slotOf(keys, 'GET', 7n), keySlot('7'));
  assert.equal(slotOf(keys, 'GET', Infinity), keySlot('inf'));
  assert.equal(slotOf(keys, 'GET', -Infinity), keySlot('-inf'));
  assert.equal(slotOf(keys, 'GET', -0), keySlot('-0'));
  assert.equal(slotOf(keys, 'SET', 'é', 1), keySlot(Buffer.from('é')));
  assert.equal(slotOf(new CommandKeys('latin1'), 'SET', 'é', 1), keySlot(Buffer.from('é', 'latin1')));
  assert.equal(slotOf(keys, 'EVAL', 'return 1', 1, 'a', 'b'), keySlot('a'));
  assert.equal(slotOf(keys, 'XREAD', 'COUNT', 1, 'STREAMS', 'a', 0), keySlot('a'));
  assert.equal(slotOf(keys, 'OBJECT', 'ENCODING', 'a'), keySlot('a'));
  assert.equal(slotOf(keys, 'BLPOP', '{a}1', '{a}2', 0), keySlot('a'));
  assert.equal(slotOf(keys, 'SORT', '{a}1', 'STORE', '{a}2'), keySlot('a'));
  assert.equal(slotOf(keys, 'MIGRATE', 'host', 1, '', 0, 1000, 'KEYS', '{a}1', '{a}2'), keySlot('a'));
  assert.equal(slotOf(keys, 'SPUBLISH', 'a', 'message'), keySlot('a'));
  for (const [command, ...args] of [
    ['PING'],
    ['EVAL', 'return 1', 0],
    ['GET'],
    ['PUBLISH', 'a', 'b'],
  ] as const) {
    assert.equal(slotOf(keys, command, ...args), NO_SLOT, command);
  }
  assert.equal(slotOf(keys, 'NO.SUCH', 'a'), SLOT_UNKNOWN);
});

test('keys of several slots are refused, without naming them', () => {
  const keys = new CommandKeys('utf-8');
  for (const [command, ...args] of [
    ['MGET', 'secret:1', 'secret:2'],
    ['SORT', 'secret:1', 'STORE', 'secret:2'],
    ['EVAL', 'return 1', 2, 'secret:1', 'secret:2'],
  ] as const) {
    assert.throws(
      () => slotOf(keys, command, ...args),
      (error: unknown) => error instanceof ClusterCrossSlotError && !/secret/.test(error.message),
    );
  }
});

test("an unknown command is asked for once, and the server's answer is kept", async () => {
  const keys = new CommandKeys('utf-8');
  const asked: (readonly RedisValue[])[] = [];
  const ask = async (args: readonly RedisValue[]): Promise<Reply> => {
    asked.push(args);
    return args[1] === 'JUMP' ? described : [null];
  };
  const info = resolveCommand('JUMP', ['x', 'a']);
  const slots = await Promise.all([keys.learn(info, ['x', 'a'], ask), keys.learn(info, ['x', 'b'], ask)]);
  assert.deepEqual(slots, [keySlot('a'), keySlot('b')]);
  assert.equal(slotOf(keys, 'JUMP', 'x', 'c'), keySlot('c'));
  assert.equal(keys.reads(info), false);
  const foreign = resolveCommand('NO.SUCH', ['a']);
  assert.equal(await keys.learn(foreign, ['a'], ask), NO_SLOT);
  assert.equal(slotOf(keys, 'NO.SUCH', 'b'), NO_SLOT);
  assert.deepEqual(asked, [
    ['INFO', 'JUMP'],
    ['INFO', 'NO.SUCH'],
  ]);
});

test('a user without COMMAND is routed by redirects; after a lost connection the server is asked again', async () => {
  const keys = new CommandKeys('utf-8');
  const info = resolveCommand('SOME.THING', ['a']);
  const lost = new ConnectionError('lost');
  await assert.rejects(
    keys.learn(info, ['a'], () => Promise.reject(lost)),
    lost,
  );
  const refused = (): Promise<Reply> =>
    Promise.reject(new ResponseError('no permissions', { code: 'NOPERM' }));
  assert.equal(await keys.learn(info, ['a'], refused), NO_SLOT);
});

test('keys that only the server finds are asked for with every call', async () => {
  const keys = new CommandKeys('utf-8');
  const info = resolveCommand('WILD', ['k', 'a']);
  const ask = async (args: readonly RedisValue[]): Promise<Reply> =>
    args[0] === 'INFO' ? [['wild', -1, ['movablekeys'], 0, 0, 0, []]] : [args[3] as string];
  assert.equal(await keys.learn(info, ['k', 'a'], ask), keySlot('a'));
  assert.equal(slotOf(keys, 'WILD', 'k', 'a'), SLOT_UNKNOWN);
});

test('a command split by slot holds every key once, in its place', () => {
  const slot = (key: RedisValue): number => keySlot(String(key));
  const split = (command: string, ...args: RedisValue[]): ReturnType<typeof splitBySlot> =>
    splitBySlot(resolveCommand(command, args), args, slot);
  assert.deepEqual(split('MGET', 'a', '{b}1', 'a', '{b}2'), [
    { args: ['a', 'a'], positions: [0, 2] },
    { args: ['{b}1', '{b}2'], positions: [1, 3] },
  ]);
  assert.deepEqual(split('mset', 'a', 1, 'b', 2), [
    { args: ['a', 1], positions: [0] },
    { args: ['b', 2], positions: [1] },
  ]);
  assert.deepEqual(split('MGET a b', 'a'), [
    { args: ['a', 'a'], positions: [0, 2] },
    { args: ['b'], positions: [1] },
  ]);
  for (const whole of [
    ['MGET', '{a}1', '{a}2'],
    ['MSET', 'a', 1, 'b'],
    ['DEL'],
    ['SUNION', 'a', 'b'],
    ['MGET {a}1', '{a}2'],
    ['MSET a', 1, 'b'],
  ]) {
    assert.equal(split(...(whole as [string, ...RedisValue[]])), null, whole.join(' '));
  }
});
