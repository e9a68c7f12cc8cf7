import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RedisError } from '../../../src/index.ts';
import { pair } from './support.ts';

/** The failure that ended the connection, as its next caller meets it. */
async function failureOf(end: (made: Awaited<ReturnType<typeof pair>>) => unknown): Promise<RedisError> {
  const made = await pair({ ECHO: () => null }, { decodeResponses: true });
  const pending = made.connection.execute('ECHO', 'x').then(
    () => assert.fail('the request was answered'),
    (error: unknown) => error,
  );
  while (!made.peer.commands.some(({ name }) => name === 'ECHO')) await new Promise(setImmediate);
  end(made);
  const error = await pending;
  assert.ok(error instanceof RedisError, String(error));
  assert.equal(error.endpoint, made.connection.location.toString());
  return error;
}

describe('the errors of a connection name its endpoint', () => {
  test('an error of a close by this side names the endpoint', async () => {
    const error = await failureOf(({ connection }) => connection.invalidate('over'));
    assert.match(error.message, /closed by this side: over/);
  });
  test('an error of a close by the peer names the endpoint', async () => {
    const error = await failureOf(({ peer }) => peer.destroy());
    assert.match(error.message, /lost/);
  });
  test('an error of malformed bytes names the endpoint', async () => {
    await failureOf(({ peer }) => peer.send('?garbage\r\n'));
  });
});
