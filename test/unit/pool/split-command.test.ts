import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RedisClusterError, ResponseError } from '../../../src/errors/errors.ts';
import { joinParts, SplitCommandError } from '../../../src/pool/calls/split-command.ts';
import type { Reply } from '../../../src/resp/types.ts';

const parts = [
  { args: ['a', 'c'], positions: [0, 2] },
  { args: ['b'], positions: [1] },
];
const answers = (...values: (Reply | Error)[]): Promise<Reply>[] =>
  values.map((value) => (value instanceof Error ? Promise.reject(value) : Promise.resolve(value)));

test('answers come together in the order of the keys', async () => {
  assert.deepEqual(await joinParts('MGET', parts, answers(['1', null], ['2'])), ['1', '2', null]);
  assert.equal(await joinParts('DEL', parts, answers(2, 1)), 3);
  assert.equal(await joinParts('MSET', parts, answers('OK', 'OK')), 'OK');
  assert.equal(await joinParts('DEL', parts, answers(null, null)), null);
});

test('a partial failure tells which keys are done', async () => {
  const cause = new ResponseError('no permissions', { code: 'NOPERM' });
  await assert.rejects(joinParts('DEL', parts, answers(2, cause)), (error: unknown) => {
    assert.ok(error instanceof SplitCommandError && error instanceof RedisClusterError);
    assert.deepEqual([error.done, error.failed], [[0, 2], [1]]);
    assert.deepEqual((error.cause as AggregateError).errors, [cause]);
    assert.deepEqual([error.name, error.code], ['SplitCommandError', 'RESPOOL_SPLIT_COMMAND']);
    return true;
  });
});

test('instanceof holds across two copies of the package', async () => {
  const path = new URL('../../../src/pool/calls/split-command.js', import.meta.url).href;
  const copy = (await import(`${path}?copy=1`)) as { SplitCommandError: typeof SplitCommandError };
  assert.notEqual(copy.SplitCommandError, SplitCommandError);
  const error = new copy.SplitCommandError('DEL', parts, new Map([[0, new Error('x')]]));
  assert.ok(error instanceof SplitCommandError && error instanceof RedisClusterError);
  assert.ok(!(new RedisClusterError('x') instanceof SplitCommandError));
});

test('a single part that failed, or was aborted, rejects with its own error', async () => {
  const cause = new ResponseError('no');
  await assert.rejects(joinParts('DEL', parts, answers(cause, new ResponseError('no either'))), cause);
  const reason = new Error('stop');
  await assert.rejects(joinParts('DEL', parts, answers(1, reason)), reason);
});
