import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReplyMap, ReplySet, ResponseError, UnknownCommandError } from '../../../src/index.ts';
import { mergeReplies, policyIn } from '../../../src/pool/calls/merged-replies.ts';

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

test('an error of a node rejects, and so does what cannot be merged', () => {
  for (const policy of ['agg_sum', 'all_succeeded', null])
    assert.throws(() => mergeReplies('X', policy, [1, error]), error);
  assert.throws(() => mergeReplies('X', 'one_succeeded', [error, error]), error);
  assert.throws(() => mergeReplies('INFO', 'special', ['a', 'b']), /INFO.*without merge/);
  assert.throws(() => mergeReplies('X', 'agg_sum', [1, 'a']), TypeError);
  assert.throws(() => mergeReplies('X', 'agg_new', [1, 2]), /agg_new/);
  assert.throws(() => mergeReplies('X', null, []), /no such node/);
  assert.throws(() => policyIn([null], 'X'), UnknownCommandError);
});
