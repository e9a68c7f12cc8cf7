import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, test } from 'node:test';
import { makeDialGovernor } from '../../../src/node/dials.ts';
import { DialGovernor } from '../../../src/pooling/dial-governor.ts';
import { FakeClock, settled } from '../../support/fake-clock.ts';
import { Integers } from '../../support/integers.ts';

const failure = new Error('refused');

class Candidate {
  unref = false;
  asked = 0;
  dialsAllowed(): void {
    this.asked++;
  }
}

describe('dial governor', () => {
  test('each pause lies below a bound that doubles up to the cap (full jitter)', () => {
    const clock = new FakeClock();
    const bounds: number[] = [];
    for (let failures = 1; failures <= 9; failures++) {
      const governor = new DialGovernor({ clock, random: () => 0.999_999 });
      const address = governor.attach('a');
      for (let count = 0; count < failures; count++) {
        clock.advanceNow(2000);
        address.tryStart(new Candidate())?.failed(failure);
      }
      bounds.push(Math.round(address.pausedUntil - clock.now()));
    }
    assert.deepEqual(bounds, [50, 100, 200, 400, 800, 1600, 2000, 2000, 2000]);
  });

  test('an address that is down is tried by one dial at a time', () => {
    const clock = new FakeClock();
    const governor = new DialGovernor({ clock, random: () => 0.5 });
    const address = governor.attach('a');
    const [one, two] = [new Candidate(), new Candidate()];
    address.tryStart(one)?.failed(failure);
    assert.equal(address.tryStart(one), null);
    assert.equal(address.tryStart(two), null);
    assert.equal(clock.pending, 1);
    clock.advanceNow(25);
    assert.deepEqual([one.asked, two.asked], [1, 1]);
    const probe = address.tryStart(one);
    assert.ok(probe?.probe);
    assert.equal(address.tryStart(two), null);
    probe.succeeded();
    assert.equal(two.asked, 2);
    assert.ok(address.tryStart(two));
    assert.equal(clock.pending, 0);
  });

  test('a pause that ends between the refusal and the timer still wakes the refused caller', () => {
    const clock = new FakeClock();
    const governor = new DialGovernor({ clock, random: () => 0.5 });
    const address = governor.attach('a');
    const candidate = new Candidate();
    address.tryStart(candidate)?.failed(failure);
    const ends = address.pausedUntil;
    const now = clock.now.bind(clock);
    let reads = 0;
    // Time passes while the question is answered: the pause is not over when it is asked, and is when the timer is set.
    clock.now = () => (reads++ === 0 ? ends - 0.001 : ends + 0.001);
    assert.equal(address.tryStart(candidate), null);
    clock.now = now;
    assert.equal(clock.pending, 1);
    clock.advanceNow(26);
    assert.equal(candidate.asked, 1);
    assert.ok(address.tryStart(candidate)?.probe);
  });

  test('dials that fail together count as one failure', () => {
    const clock = new FakeClock();
    const address = new DialGovernor({ clock, random: () => 0.999_999 }).attach('a');
    const permits = Array.from({ length: 10 }, () => address.tryStart(new Candidate()));
    for (const permit of permits) permit?.failed(failure);
    assert.equal(Math.round(address.pausedUntil - clock.now()), 50);
  });

  test('each change of state publishes one event', () => {
    const events: { state: string; address: string; error?: unknown }[] = [];
    const listen = (event: unknown) => events.push(event as (typeof events)[0]);
    subscribe('respool:pool:state', listen);
    const clock = new FakeClock();
    const address = makeDialGovernor({ clock, random: () => 0 }).attach('somewhere:1');
    address.tryStart(new Candidate())?.succeeded();
    for (let count = 0; count < 5; count++) address.tryStart(new Candidate())?.failed(failure);
    for (let count = 0; count < 5; count++) address.tryStart(new Candidate())?.succeeded();
    unsubscribe('respool:pool:state', listen);
    assert.deepEqual(
      events.map(({ state }) => state),
      ['down', 'up'],
    );
    assert.equal(events[0]?.address, 'somewhere:1');
    assert.equal(events[0]?.error, failure);
    assert.ok(!('error' in (events[1] ?? {})));
  });

  test('the process bounds the dials at once, over all addresses', () => {
    const governor = new DialGovernor({ clock: new FakeClock(), maxConcurrent: 2 });
    const [a, b] = [governor.attach('a'), governor.attach('b')];
    const late = new Candidate();
    const first = a.tryStart(new Candidate());
    const second = a.tryStart(new Candidate());
    assert.equal(b.tryStart(late), null);
    first?.abandoned();
    assert.equal(late.asked, 1);
    const third = b.tryStart(late);
    assert.ok(third);
    third.succeeded();
    third.succeeded();
    second?.succeeded();
    assert.ok(a.tryStart(late));
    assert.ok(a.tryStart(late));
    assert.equal(a.tryStart(late), null);
  });

  test('one address leaves dials to the others', () => {
    const governor = new DialGovernor({ clock: new FakeClock(), maxConcurrent: 8 });
    const [a, b] = [governor.attach('a'), governor.attach('b')];
    const late = new Candidate();
    const permits = Array.from({ length: 8 }, () => a.tryStart(late)).filter((permit) => permit !== null);
    assert.equal(permits.length, 5);
    assert.ok(b.tryStart(new Candidate()));
    permits[0]?.abandoned();
    assert.equal(late.asked, 1);
    permits[1]?.abandoned();
    assert.ok(a.tryStart(late));
  });

  test('the cause of an exhausted pool never comes from another pool', async () => {
    const clock = new FakeClock();
    const governor = new DialGovernor({ clock, random: () => 0.5 });
    const [one, two] = [new Integers({ governor, clock, max: 1 }), new Integers({ governor, clock })];
    await one.lease();
    two.automatic = false;
    const failed = two.lease();
    two.dials[0]?.fail(failure);
    await assert.rejects(failed, failure);
    const late = assert.rejects(one.lease(10), (error: Error) => error.cause === undefined);
    await one.clock.advance(10);
    await late;
  });

  test('two pools of one address share the pause; a later pool inherits it', async () => {
    const clock = new FakeClock();
    const governor = new DialGovernor({ clock, random: () => 0.5 });
    const worlds = [new Integers({ governor, clock }), new Integers({ governor, clock })];
    const [one, two] = worlds as [Integers, Integers];
    one.automatic = two.automatic = false;
    const failed = one.lease();
    one.dials[0]?.fail(failure);
    await assert.rejects(failed);
    const waiting = two.lease();
    assert.equal(two.dials.length, 0);
    await one.pool.close(0);
    const closed = assert.rejects(waiting, { name: 'PoolClosedError' });
    await two.pool.close(0);
    await closed;
    assert.equal(clock.pending, 0);
    const three = new Integers({ governor, clock });
    const inherited = three.lease();
    assert.equal(three.pool.figures.connecting, 0);
    await clock.advance(25);
    assert.equal(await inherited, 1);
    governor.attach('elsewhere');
    assert.equal(governor.size, 2);
  });

  test('an immediate dial skips the pause and the bound, and its outcome counts for the address', () => {
    const clock = new FakeClock();
    const governor = new DialGovernor({ clock, random: () => 0.5, maxConcurrent: 1 });
    const address = governor.attach('a');
    const candidate = new Candidate();
    address.startNow().failed(failure);
    assert.equal(address.lastError, failure);
    assert.equal(address.tryStart(candidate), null, 'the address pauses for everybody else');
    const { pausedUntil } = address;
    address.startNow().failed(failure);
    assert.equal(address.pausedUntil, pausedUntil, 'a second failure in the pause makes it no longer');
    const [one, two] = [address.startNow(), address.startNow()];
    one.succeeded();
    assert.equal(address.down, false);
    assert.equal(candidate.asked, 1);
    assert.equal(address.tryStart(candidate), null, 'the other dial fills the bound');
    two.succeeded();
    assert.equal(candidate.asked, 2);
    assert.ok(address.tryStart(candidate));
    assert.equal(clock.pending, 0);
  });

  test('an unreferenced pool lets the process end during a pause', async () => {
    const world = new Integers();
    world.automatic = false;
    world.pool.setRef(false);
    const call = world.share(60_000);
    world.dials[0]?.fail(failure);
    await settled();
    assert.equal(world.clock.pending, 2);
    assert.equal(world.clock.referenced, 0);
    world.pool.setRef(true);
    assert.equal(world.clock.referenced, 1);
    const closed = assert.rejects(call);
    await world.pool.close(0);
    await closed;
  });
});
