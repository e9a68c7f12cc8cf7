import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  BusyLoadingError,
  ConnectionError,
  ConnectionPool,
  ExponentialBackoffRetryPolicy,
  ResponseError,
  TimeoutError,
} from '../../../src/index.ts';
import { reply } from '../../../src/testkit/index.ts';
import { pair, realServer, scripted } from '../connection/support.ts';

describe('errors that end by waiting', () => {
  for (const line of [
    'LOADING x',
    'MASTERDOWN x',
    'CLUSTERDOWN x',
    'TRYAGAIN x',
    'ERR max number of clients reached',
  ])
    test(`${line} is waited out until just before the deadline`, async () => {
      const begun = performance.now();
      const mended = (): boolean => performance.now() - begun > 400;
      const server = await scripted({ GET: () => (mended() ? reply.text('v') : reply.error(line)) });
      await using pool = new ConnectionPool({ location: server.location, decodeResponses: true });
      assert.equal(await pool.executeRequest('GET', ['k'], { timeout: 800 }), 'v');
    });

  test('a lasting error is given up when the deadline is near, not before', async () => {
    const server = await scripted({ GET: reply.error('LOADING x') });
    await using pool = new ConnectionPool({ location: server.location });
    for (let turn = 0; turn < 5; turn++) {
      const begun = performance.now();
      await assert.rejects(
        pool.executeRequest('GET', ['k'], { timeout: 150 }),
        (error) => error instanceof BusyLoadingError || error instanceof TimeoutError,
      );
      const took = performance.now() - begun;
      assert.ok(took >= 125, `${took} ms`);
    }
  });
});

test('a retry policy knows by itself which commands only read', () => {
  const policy = new ExponentialBackoffRetryPolicy({ retryReadOnly: true });
  const lost = new ConnectionError('lost', { maybeExecuted: true });
  const next = (command: string): number | null =>
    policy.next(1, lost, { command, maybeExecuted: true, elapsed: 0 });
  assert.equal(typeof next('GET'), 'number');
  assert.equal(next('SET'), null);
  assert.equal(next('NOSUCHCOMMAND'), null);
});

describe('quoted text in server errors', () => {
  test('arguments are cut from the errors that quote them', async () => {
    const server = await realServer();
    await using pool = new ConnectionPool({ location: server.location });
    const calls = [
      ['CONFIG', 'SET', 'hunter2', 'x'],
      ['ACL', 'DRYRUN', 'hunter2', 'get', 'x'],
      ['ACL', 'SETUSER', 'bob', '>hunter2', 'hunter2'],
      ['XREADGROUP', 'GROUP', 'hunter2', 'c', 'STREAMS', 'k', '>'],
      ['EVAL', "return 'hunter2", 0],
      ['HUNTER', 'hunter2', 'hunter2'],
    ] as const;
    for (const [command, ...args] of calls) {
      await assert.rejects(pool.execute(command, ...args), (error: Error) => {
        assert.ok(error instanceof ResponseError);
        return !`${error.message}${error.stack}${JSON.stringify(error)}`.includes('hunter2');
      });
    }
  });

  test('names of commands stay in the errors that quote them', async () => {
    const { connection } = await pair({
      GET: reply.error("ERR wrong number of arguments for 'get' command"),
    });
    await assert.rejects(connection.execute('GET', 'get'), /for 'get' command/);
  });
});
