import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionError, StalePrimaryError } from '../../../../src/errors/errors.ts';
import { hurryDials, Turn } from '../../../../src/topology/sentinel/turn.ts';
import { TCPLocation } from '../../../../src/transport/location.ts';

const refused = new ConnectionError('refused');
const never = new AbortController().signal;
const failing = (): Promise<never> => Promise.reject(refused);

test('while one finds out whether a dead address lives again, the hasty get its last failure and the patient wait', async () => {
  const location = new TCPLocation('turn-pause', 1);
  await assert.rejects(new Turn(location).dial(failing, never, true), refused);
  let end!: () => void;
  const begun = new Promise<void>((resolve) => {
    void new Turn(location).dial(
      () => {
        resolve();
        return new Promise<void>((done) => {
          end = done;
        });
      },
      never,
      true,
    );
  });
  await begun;
  await assert.rejects(
    new Turn(location).dial(async () => 1, never, false),
    refused,
  );
  const patient = new Turn(location).dial(async () => 2, never, true);
  end();
  assert.equal(await patient, 2);
  assert.equal(await new Turn(location).dial(async () => 3, never, false), 3);
});

test('news of an address end its pause', async () => {
  const location = new TCPLocation('turn-news', 1);
  for (let n = 0; n < 6; n++) await assert.rejects(new Turn(location).dial(failing, never, true), refused);
  const waiting = new Turn(location).dial(async () => 'there', never, true);
  hurryDials(location);
  assert.equal(await waiting, 'there');
});

test('a server in another role is reachable all the same', async () => {
  const location = new TCPLocation('turn-role', 1);
  const stale = new StalePrimaryError('a replica');
  await assert.rejects(
    new Turn(location).dial(() => Promise.reject(stale), never, true),
    stale,
  );
  assert.equal(await new Turn(location).dial(async () => 1, never, false), 1);
});

test('an abort ends the wait for a turn', async () => {
  const location = new TCPLocation('turn-abort', 1);
  const hanging = new Turn(location);
  await assert.rejects(new Turn(location).dial(failing, never, true), refused);
  let end!: () => void;
  const probe = hanging.dial(
    () =>
      new Promise<void>((resolve) => {
        end = resolve;
      }),
    never,
    true,
  );
  const controller = new AbortController();
  const waiting = new Turn(location).dial(async () => 1, controller.signal, true);
  const reason = new Error('enough');
  controller.abort(reason);
  await assert.rejects(waiting, reason);
  while ((end as unknown) === undefined) await new Promise(setImmediate);
  end();
  await probe;
});
