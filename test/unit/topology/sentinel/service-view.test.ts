import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SentinelError } from '../../../../src/errors/errors.ts';
import { ServiceView } from '../../../../src/topology/sentinel/service-view.ts';
import { keyOf, TCPLocation } from '../../../../src/transport/location.ts';
import { ManualClock } from '../manual-clock.ts';

const NONE = new Set<string>();
const A = new TCPLocation('a', 1);
const B = new TCPLocation('b', 1);
const C = new TCPLocation('c', 1);

function stage() {
  const clock = new ManualClock();
  return { clock, view: new ServiceView(clock) };
}
const refused = (view: ServiceView, location: TCPLocation, epoch: number | null, avoid = NONE): boolean => {
  try {
    view.vet(location, epoch, avoid);
    return false;
  } catch (error) {
    assert.ok(error instanceof SentinelError);
    return true;
  }
};

test('option FindOptions.avoid: an address that has proved wrong is refused', async () => {
  const { view } = stage();
  assert.equal(refused(view, A, null), false);
  assert.equal(refused(view, new TCPLocation('A', 1), null, new Set([keyOf(A)])), true);
});

test('after an announcement, a sentinel that names the old primary counts as lagging for a while', async () => {
  const { view, clock } = stage();
  view.learned(A, 4);
  assert.equal(view.announced(A, B), 'news');
  assert.equal(keyOf(view.current as TCPLocation), 'b:1');
  assert.equal(refused(view, A, 4), true);
  assert.equal(refused(view, A, null), true);
  assert.equal(refused(view, B, 4), false);
  // It has become primary again, by a newer configuration.
  assert.equal(refused(view, A, 6), false);
  await clock.pass(3_001);
  assert.equal(refused(view, A, null), false);
});

test('a repeated announcement of one switch is known; one from another primary is doubtful', async () => {
  const { view } = stage();
  assert.equal(view.announced(A, B), 'news');
  assert.equal(view.announced(A, B), 'known');
  assert.equal(view.announced(B, C), 'news');
  assert.equal(view.announced(A, B), 'doubtful');
  assert.equal(keyOf(view.current as TCPLocation), 'c:1');
});

test('a primary that is announced again is no longer deposed', async () => {
  const { view } = stage();
  view.announced(A, B);
  view.announced(B, A);
  assert.equal(refused(view, A, null), false);
  assert.equal(refused(view, B, null), true);
});

test('an older configuration does not win over a newer one, until no sentinel reports the newer any more', async () => {
  const { view, clock } = stage();
  view.learned(B, 7);
  assert.equal(refused(view, A, 6), true);
  assert.equal(refused(view, B, 7), false);
  await clock.pass(9_000);
  view.learned(B, 7);
  await clock.pass(9_000);
  assert.equal(refused(view, A, 6), true);
  await clock.pass(1_001);
  assert.equal(refused(view, A, 6), false);
});

test('a recent announcement is used when sentinels do not answer', async () => {
  const { view, clock } = stage();
  assert.equal(view.fallback(NONE), null);
  view.announced(A, B);
  assert.equal(view.fallback(NONE), B);
  assert.equal(view.fallback(new Set([keyOf(B)])), null);
  await clock.pass(3_001);
  assert.equal(view.fallback(NONE), null);
});
