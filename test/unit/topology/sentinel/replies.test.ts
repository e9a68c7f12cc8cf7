import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ResponseError, SentinelError } from '../../../../src/errors/errors.ts';
import { replyError } from '../../../../src/errors/reply-errors.ts';
import { ReplyMap } from '../../../../src/resp/reply-map.ts';
import type { Reply } from '../../../../src/resp/types.ts';
import * as replies from '../../../../src/topology/sentinel/replies.ts';

const fields: [string, string][] = [
  ['name', 'mymaster'],
  ['ip', '10.0.0.1'],
  ['port', '6379'],
  ['runid', 'abc'],
  ['flags', 'master'],
  ['num-other-sentinels', '2'],
  ['quorum', '2'],
  ['config-epoch', '9'],
  ['master-link-status', 'ok'],
];
const bytes = (text: string) => Buffer.from(text);
/** One instance in every shape a server may send it in. */
function shapes(entries: [string, string][]): Reply[] {
  return [
    entries.flat(),
    entries.flat().map(bytes),
    new ReplyMap(entries),
    new ReplyMap(entries.map(([name, value]): [Reply, Reply] => [bytes(name), bytes(value)])),
  ];
}
const instance = (changes: Record<string, string>): [string, string][] =>
  fields.map(([name, value]) => [name, changes[name] ?? value]);

test('the address of a primary is read', () => {
  for (const reply of [
    ['10.0.0.1', '6379'],
    [bytes('10.0.0.1'), bytes('6379')],
    ['10.0.0.1', 6379],
  ]) {
    assert.deepEqual(replies.parsePrimaryAddress(reply), { host: '10.0.0.1', port: 6379 });
  }
  assert.deepEqual(replies.parsePrimaryAddress(['::1', '1']), { host: '::1', port: 1 });
  assert.equal(replies.parsePrimaryAddress(null), null);
  assert.equal(replies.parsePrimaryAddress([]), null);
});

test('hostile addresses are refused with a typed error', () => {
  const hostile: Reply[] = [
    'x',
    7,
    ['h'],
    ['h', '0'],
    ['h', '65536'],
    ['h', '-1'],
    ['h', '1e3'],
    ['h', ''],
    ['', '1'],
    [null, '1'],
    ['a b', '1'],
    ['u@h', '1'],
    ['h\r\n', '1'],
    ['h', '1', 'x'],
    ['h', null],
    [['h'], '1'],
    ['h', '__proto__'],
    new ReplyMap(),
  ];
  for (const reply of hostile) assert.throws(() => replies.parsePrimaryAddress(reply), SentinelError);
  const error = replyError('ERR no');
  assert.throws(
    () => replies.parsePrimaryAddress(error),
    (thrown) => thrown === error,
  );
});

test('an instance is read in every shape', () => {
  for (const reply of shapes(fields)) {
    const primary = replies.parsePrimary(reply);
    assert.deepEqual(
      { ...primary, flags: [...primary.flags] },
      {
        name: 'mymaster',
        host: '10.0.0.1',
        port: 6379,
        runId: 'abc',
        flags: ['master'],
        primaryLinkStatus: 'ok',
        otherSentinels: 2,
        quorum: 2,
        configEpoch: 9,
      },
    );
    assert.ok(replies.isUsablePrimary(primary));
  }
  for (const odd of [null, 'x', 7, [], ['ip', 'h']] as Reply[])
    assert.throws(() => replies.parsePrimary(odd), SentinelError);
  assert.throws(() => replies.parsePrimary(replyError('ERR No such master with that name')), ResponseError);
});

test('flags are read', () => {
  const parsed = (changes: Record<string, string>) => replies.parsePrimary(instance(changes).flat());
  for (const flags of ['s_down,master', 'master,o_down', 'master,disconnected', 'slave', 'sentinel']) {
    assert.equal(replies.isUsablePrimary(parsed({ flags })), false, flags);
  }
  for (const flags of ['master', 'master,failover_in_progress', '']) {
    assert.equal(replies.isUsablePrimary(parsed({ flags })), true, flags);
  }
  assert.equal(replies.isUp(parsed({ flags: 'slave,s_down' })), false);
  assert.equal(replies.isUp(parsed({ flags: 'slave' })), true);
  assert.equal(replies.isLinked(parsed({ 'master-link-status': 'err' })), false);
});

test('lists of instances are read; those without an address are left out', () => {
  for (const parseList of [replies.parseReplicas, replies.parseSentinels]) {
    const list = [
      instance({ port: '1' }),
      instance({ port: '0' }),
      instance({ ip: '' }),
      instance({ port: '2' }),
    ];
    assert.deepEqual(
      parseList(list.map((entries) => entries.flat())).map(({ port }) => port),
      [1, 2],
    );
    assert.deepEqual(
      parseList(list.map((entries) => new ReplyMap(entries))).map(({ port }) => port),
      [1, 2],
    );
    assert.deepEqual(parseList([]), []);
    for (const odd of [null, 'x', [null], ['x'], [7]] as Reply[])
      assert.throws(() => parseList(odd), SentinelError);
    const flood = Array.from({ length: 1_001 }, () => fields.flat());
    assert.throws(() => parseList(flood), /more than 1000/);
  }
});

test('hostile field names pollute no prototype', () => {
  const reply = ['__proto__', 'x', 'constructor', 'y', ...fields.flat()];
  assert.equal(replies.parsePrimary(reply).port, 6379);
  assert.equal(Object.getPrototypeOf({}), Object.prototype);
});

test('+switch-master is read', () => {
  const text = 'mymaster 10.0.0.1 6379 ::1 6380';
  for (const payload of [text, bytes(text)]) {
    assert.deepEqual(replies.parsePrimarySwitch(payload), {
      service: 'mymaster',
      from: { host: '10.0.0.1', port: 6379 },
      to: { host: '::1', port: 6380 },
    });
  }
  const hostile: Reply[] = [
    '',
    'a',
    'a h 1 h',
    'a h 1 h 0',
    'a h 1 h 65536',
    'a h 1 u@h 1',
    ' h 1 h 1',
    'a h 1 h 1 x',
    null,
    7,
    `${'a'.repeat(3_000)} h 1 h 1`,
  ];
  for (const payload of hostile) assert.throws(() => replies.parsePrimarySwitch(payload), SentinelError);
});
