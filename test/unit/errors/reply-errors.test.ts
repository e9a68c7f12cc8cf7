import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDemotion, isPassing, isServerFull, replyError } from '../../../src/errors/reply-errors.ts';

test('a refusal passes if the server loads, is busy, or has no primary or layout for the moment', () => {
  const passing = [
    'LOADING Redis is loading the dataset in memory',
    'BUSY Redis is busy running a script.',
    'CLUSTERDOWN The cluster is down',
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    'TRYAGAIN Multiple keys request during rehashing of slot',
  ];
  for (const line of passing) assert.ok(isPassing(replyError(line)), line);
  const lasting = [
    'ERR unknown command',
    'NOPERM this user has no permissions',
    'WRONGPASS invalid',
    'OOM command',
  ];
  for (const line of lasting) assert.ok(!isPassing(replyError(line)), line);
});

test('UNBLOCKED names a demotion, and a full server is told from other errors', () => {
  const demoted =
    'UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)';
  assert.ok(isDemotion(replyError(demoted)));
  assert.ok(!isDemotion(replyError('UNBLOCKED client unblocked via CLIENT UNBLOCK')));
  assert.ok(isServerFull(replyError('ERR max number of clients reached')));
  assert.ok(!isServerFull(replyError('ERR syntax error')));
});
