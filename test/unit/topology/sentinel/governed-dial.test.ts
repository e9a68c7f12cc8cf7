import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionError, StalePrimaryError } from '../../../../src/errors/errors.ts';
import { DialGovernor } from '../../../../src/pooling/dial-governor.ts';
import { hurryDials, GovernedDial } from '../../../../src/topology/sentinel/governed-dial.ts';
import { TCPLocation } from '../../../../src/transport/location.ts';
import { FakeClock, settled } from '../../../support/fake-clock.ts';

const refused = new ConnectionError('refused');
const never = new AbortController().signal;
const failing = (): Promise<never> => Promise.reject(refused);

/** Dials to one address, in time that the test moves; the first pause is 25 ms, and it doubles. */
function stage() {
  const clock = new FakeClock();
  const governor = new DialGovernor({ clock, random: () => 0.5 });
  const location = new TCPLocation('address', 1);
  return {
    clock,
    turn: () => new GovernedDial(location, governor),
    hurry: () => hurryDials(location, governor),
  };
}

test('callers with a short limit get the last failure of a dead address while one dial tries it; others wait', async () => {
  const { clock, turn } = stage();
  await assert.rejects(turn().dial(failing, never, true), refused);
  let end: (() => void) | null = null;
  const probe = turn().dial(() => new Promise<void>((done) => (end = done)), never, true);
  await settled();
  assert.equal(end, null, 'not before its pause is over');
  await clock.advance(25);
  assert.notEqual(end, null);
  await assert.rejects(
    turn().dial(async () => 1, never, false),
    refused,
  );
  const patient = turn().dial(async () => 2, never, true);
  (end as unknown as () => void)();
  assert.equal(await patient, 2);
  await probe;
  assert.equal(await turn().dial(async () => 3, never, false), 3);
});

test('news of an address ends its pause', async () => {
  const { clock, turn, hurry } = stage();
  for (let n = 0; n < 6; n++) {
    const dialled = assert.rejects(turn().dial(failing, never, true), refused);
    await clock.advance(1_000);
    await dialled;
  }
  const last = assert.rejects(turn().dial(failing, never, true), refused);
  await settled();
  hurry();
  await last;
  const waiting = turn().dial(async () => 'there', never, true);
  hurry();
  assert.equal(await waiting, 'there');
  assert.equal(clock.pending, 0);
});

test('a server in another role counts as reachable', async () => {
  const { turn } = stage();
  const stale = new StalePrimaryError('a replica');
  await assert.rejects(
    turn().dial(() => Promise.reject(stale), never, true),
    stale,
  );
  assert.equal(await turn().dial(async () => 1, never, false), 1);
});

test('an abort ends the wait for a turn', async () => {
  const { clock, turn } = stage();
  await assert.rejects(turn().dial(failing, never, true), refused);
  let end!: () => void;
  const probe = turn().dial(() => new Promise<void>((done) => (end = done)), never, true);
  const controller = new AbortController();
  const waiting = turn().dial(async () => 1, controller.signal, true);
  const reason = new Error('enough');
  controller.abort(reason);
  await assert.rejects(waiting, reason);
  await clock.advance(25);
  end();
  await probe;
});
