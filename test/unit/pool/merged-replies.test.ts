import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReplyMap, ReplySet, ResponseError } from '../../../src/index.ts';
import { learnTips } from '../../../src/commands/command-tips.ts';
import { mergePolicy, mergeReplies } from '../../../src/pool/calls/merged-replies.ts';

const error = new ResponseError('ERR no');

test('answers are merged as the policy says', () => {
  assert.equal(mergeReplies('DBSIZE', 'agg_sum', [1, 2, 3]), 6);
  assert.equal(mergeReplies('WAIT', 'agg_min', [4, 2, 3]), 2);
  assert.equal(mergeReplies('X', 'agg_max', [4, 2, 5]), 5);
  assert.deepEqual(
    mergeReplies('SCRIPT EXISTS', 'agg_logical_and', [
      [1, 1, 0],
      [1, 0, 0],
    ]),
    [1, 0, 0],
  );
  assert.equal(mergeReplies('X', 'agg_logical_or', [0, 1]), 1);
  assert.equal(mergeReplies('X', 'agg_logical_or', [0n, 0]), 0);
  assert.equal(mergeReplies('X', 'agg_logical_and', [true, true]), true);
  const large = Number.MAX_SAFE_INTEGER;
  assert.equal(mergeReplies('X', 'agg_sum', [large, 2]), BigInt(large) + 2n);
  assert.equal(mergeReplies('X', 'agg_sum', [BigInt(large) + 2n, -4]), large - 2);
  assert.equal(mergeReplies('X', 'agg_max', [large, 2n ** 60n]), 2n ** 60n);
  assert.equal(mergeReplies('FLUSHALL', 'all_succeeded', ['OK', 'OK']), 'OK');
  assert.equal(mergeReplies('SCRIPT KILL', 'one_succeeded', [error, 'OK']), 'OK');
  assert.deepEqual(mergeReplies('KEYS', null, [['a'], [], ['b', 'c']]), ['a', 'b', 'c']);
  assert.deepEqual(
    mergeReplies('X', null, [new ReplyMap([['a', 1]]), new ReplyMap([['b', 2]])]),
    new ReplyMap([
      ['a', 1],
      ['b', 2],
    ]),
  );
  assert.deepEqual(
    mergeReplies('X', null, [new ReplySet(['a']), new ReplySet(['a', 'b'])]),
    new ReplySet(['a', 'b']),
  );
});

test('an error of a node rejects, and so do replies that cannot be merged', () => {
  for (const policy of ['agg_sum', 'all_succeeded', null])
    assert.throws(() => mergeReplies('X', policy, [1, error]), error);
  assert.throws(() => mergeReplies('X', 'one_succeeded', [error, error]), error);
  assert.throws(() => mergeReplies('X', 'agg_sum', [1, 'a']), TypeError);
  assert.throws(() => mergeReplies('X', null, []), /no such node/);
});

test('the policy of a command comes from the table, and special ones are refused by name', () => {
  const policies: Record<string, string | null> = {
    DBSIZE: 'agg_sum',
    KEYS: null,
    'SCRIPT EXISTS': 'agg_logical_and',
    'SCRIPT KILL': 'one_succeeded',
    'FUNCTION LOAD': 'all_succeeded',
    'CLIENT LIST': null,
  };
  for (const [name, policy] of Object.entries(policies)) assert.equal(mergePolicy(name), policy, name);
  for (const name of ['INFO', 'SCAN', 'MEMORY DOCTOR', 'LATENCY LATEST'])
    assert.throws(() => mergePolicy(name), new RegExp(`${name}: .*without merge`));
  assert.throws(() => mergePolicy('DEL'), /DEL: .*splitMultiKey/);
});

test('an unknown policy of a newer server is named', () => {
  learnTips('X.NEW', ['response_policy:agg_new']);
  assert.throws(() => mergePolicy('X.NEW'), /X\.NEW: unknown response policy agg_new/);
});
