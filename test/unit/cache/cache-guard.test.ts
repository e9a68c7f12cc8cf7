import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LRUCache } from '../../../src/cache/lru-cache.ts';
import type { FetchToken } from '../../../src/cache/fetch-token.ts';
import { Heartbeat } from '../../../src/cache/heartbeat.ts';
import type { Epoch } from '../../../src/cache/tracked-connection.ts';
import { CacheGuard } from '../../../src/cache/cache-guard.ts';
import type { Reply } from '../../../src/resp/types.ts';

function make(): { cache: LRUCache; guard: CacheGuard; link: Epoch } {
  const cache = new LRUCache();
  const guard = new CacheGuard(cache);
  const link = {};
  guard.connectionStarted(link);
  return { cache, guard, link };
}

describe('CacheGuard: replies that may be kept', () => {
  it('the reply of an undisturbed read is kept', () => {
    const { cache, guard, link } = make();
    const token = guard.begin('k');
    assert.equal(guard.fetching, 1);
    assert.equal(guard.mayStore(token, link), true);
    assert.equal(guard.store(token, link, 'GET', 'k', [], 'v'), true);
    assert.equal(cache.get('GET', 'k'), 'v');
    assert.equal(guard.fetching, 0);
    assert.equal(guard.store(token, link, 'GET', 'k', [], 'twice'), false);
  });

  it('a reply is not kept when its key was invalidated, written or flushed meanwhile', () => {
    const { cache, guard, link } = make();
    const disturb: (() => void)[] = [
      () => guard.invalidate([Buffer.from('k')]),
      () => guard.invalidate(['other', 'k']),
      () => guard.invalidate(null),
      () => guard.wrote(['k']),
      () => guard.flush(),
    ];
    for (const event of disturb) {
      const token = guard.begin('k');
      const bystander = guard.begin('j');
      event();
      assert.equal(guard.store(token, link, 'GET', 'k', [], 'old'), false);
      assert.equal(cache.get('GET', 'k'), undefined);
      guard.end(bystander);
    }
    const token = guard.begin(Buffer.from('k'));
    guard.invalidate(['j']);
    assert.equal(guard.store(token, link, 'GET', 'k', [], 'new'), true);
  });

  it('an invalidation drops the kept reply', () => {
    const { cache, guard, link } = make();
    for (const event of [
      () => guard.invalidate(['k']),
      () => guard.wrote(['k']),
      () => guard.invalidate(null),
    ]) {
      guard.store(guard.begin('k'), link, 'GET', 'k', [], 'v');
      event();
      assert.equal(cache.get('GET', 'k'), undefined);
    }
  });

  it('a reply is not kept while its connection is not tracked', () => {
    const { cache, guard, link } = make();
    const token = guard.begin('k');
    assert.equal(guard.store(token, {}, 'GET', 'k', [], 'v'), false);
    const late = guard.begin('k');
    guard.connectionEnded(link);
    assert.equal(guard.isTracked(link), false);
    assert.equal(guard.store(late, link, 'GET', 'k', [], 'v'), false);
    const between = guard.begin('k');
    guard.connectionStarted({});
    guard.connectionEnded({});
    const other = {};
    guard.connectionStarted(other);
    assert.equal(guard.store(between, other, 'GET', 'k', [], 'v'), true);
    assert.equal(cache.get('GET', 'k'), 'v');
  });

  it('a read from before a renewed tracking is not kept', () => {
    const { guard, link } = make();
    const token = guard.begin('k');
    guard.connectionStarted(link);
    assert.equal(guard.store(token, link, 'GET', 'k', [], 'v'), false);
    assert.equal(guard.store(guard.begin('k'), link, 'GET', 'k', [], 'v'), true);
  });

  it('a reply is not kept in an unhealthy cache', () => {
    class Sick extends LRUCache {
      override get healthy(): boolean {
        return false;
      }
    }
    const guard = new CacheGuard(new Sick());
    const link = {};
    guard.connectionStarted(link);
    assert.equal(guard.store(guard.begin('k'), link, 'GET', 'k', [], 'v'), false);
  });
});

describe('CacheGuard: the end of a connection', () => {
  it('the end of a connection drops exactly its own replies', () => {
    const { cache, guard, link } = make();
    const other = {};
    guard.connectionStarted(other);
    const binary = Buffer.from([0xff, 1]);
    guard.store(guard.begin('a'), link, 'GET', 'a', [], 1);
    guard.store(guard.begin(binary), link, 'GET', binary, [], 2);
    guard.store(guard.begin('b'), other, 'GET', 'b', [], 3);
    guard.connectionEnded(link);
    assert.equal(cache.get('GET', 'a'), undefined);
    assert.equal(cache.get('GET', binary), undefined);
    assert.equal(cache.get('GET', 'b'), 3);
  });

  it('the end of a listener drops all that it guarded', () => {
    const { cache, guard, link } = make();
    const listener = {};
    const one = {};
    const two = {};
    guard.connectionStarted(one, listener);
    guard.connectionStarted(two, listener);
    guard.store(guard.begin('a'), one, 'GET', 'a', [], 1);
    guard.store(guard.begin('b'), two, 'GET', 'b', [], 2);
    guard.store(guard.begin('c'), link, 'GET', 'c', [], 3);
    guard.connectionEnded(listener);
    assert.deepEqual(
      [cache.get('GET', 'a'), cache.get('GET', 'b'), cache.get('GET', 'c')],
      [undefined, undefined, 3],
    );
    assert.equal(guard.isTracked(one), false);
  });

  it('the end of a connection empties the cache when the guard lost count of its keys', () => {
    const cache = new LRUCache();
    const guard = new CacheGuard(cache, 3);
    const link = {};
    guard.connectionStarted(link);
    for (const key of ['a', 'b', 'c', 'd']) guard.store(guard.begin(key), link, 'GET', key, [], key);
    guard.invalidate(['a']);
    guard.connectionEnded(link);
    assert.equal(cache.size, 0);
  });

  it('one cache has one guard', () => {
    const cache = new LRUCache();
    assert.equal(CacheGuard.of(cache), CacheGuard.of(cache));
    assert.notEqual(CacheGuard.of(cache), CacheGuard.of(new LRUCache()));
  });
});

describe('CacheGuard: one request for several misses', () => {
  it('misses wait for one reply, and each gets a copy of its own', async () => {
    const { cache, guard, link } = make();
    const token = guard.begin('k', 'GET', 'pool');
    assert.equal(guard.underWay('k', 'GET', 'pool'), null, 'nobody may wait for it yet');
    let answer!: (reply: Reply) => void;
    token.promise = new Promise((resolve) => {
      answer = resolve;
    });
    const waiting = [guard.underWay(Buffer.from('k'), 'GET', 'pool'), guard.underWay('k', 'GET', 'pool')];
    assert.deepEqual(waiting, [token, token]);
    const joined = waiting.map((found) => found?.join());
    const reply = Buffer.from('v');
    token.arrived(reply);
    guard.store(token, link, 'GET', 'k', [], reply);
    answer(reply);
    reply.fill(0);
    const [one, two] = await Promise.all(joined);
    assert.deepEqual([one, two], [Buffer.from('v'), Buffer.from('v')]);
    assert.notEqual(one, two);
    assert.deepEqual(cache.get('GET', 'k'), Buffer.from('v'));
    assert.equal(guard.fetching, 0);
    assert.equal(guard.underWay('k', 'GET', 'pool'), null);
  });

  it('keys, commands and callers stay apart', () => {
    const { guard } = make();
    const token = guard.begin('k', 'HGET\0f', 'pool');
    token.promise = Promise.resolve(null);
    assert.equal(guard.underWay('k', 'HGET\0f', 'pool'), token);
    assert.equal(guard.underWay('k', 'HGET\0g', 'pool'), null);
    assert.equal(guard.underWay('j', 'HGET\0f', 'pool'), null);
    assert.equal(guard.underWay('k', 'HGET\0f', 'other pool'), null);
  });

  it('a miss joins no request from before the change of its key, and finished requests are forgotten', () => {
    const { guard } = make();
    const begun = (): FetchToken => {
      const token = guard.begin('k', 'GET', 1);
      token.promise = Promise.resolve(null);
      return token;
    };
    const old = begun();
    guard.invalidate(['k']);
    assert.equal(guard.underWay('k', 'GET', 1), null);
    const tokens = [begun(), begun(), begun()] as const;
    assert.equal(guard.fetching, 3);
    guard.end(old);
    guard.end(tokens[1]);
    guard.end(tokens[1]);
    assert.equal(guard.fetching, 2);
    guard.end(tokens[2]);
    assert.equal(guard.underWay('k', 'GET', 1), tokens[0]);
    guard.end(tokens[0]);
    assert.equal(guard.fetching, 0);
  });

  it('a miss joins no request whose reply may be too old by then', () => {
    const { guard } = make();
    const token = guard.begin('k', 'GET', 1, 1000);
    token.promise = Promise.resolve(null);
    assert.equal(guard.underWay('k', 'GET', 1, 1799), token);
    assert.equal(guard.underWay('k', 'GET', 1, 1800), null);
  });

  it('a failure reaches every miss that waits for it', async () => {
    const { guard } = make();
    const token = guard.begin('k', 'GET', 1);
    token.promise = Promise.reject(new Error('no'));
    await assert.rejects(token.join(), /no/);
  });
});

describe('CacheGuard: signs of life', () => {
  function guarded(): { guard: CacheGuard; cache: LRUCache; link: Epoch; beat: Heartbeat; asked: number[] } {
    const cache = new LRUCache();
    const guard = new CacheGuard(cache);
    const asked: number[] = [];
    const beat = new Heartbeat(() => asked.push(1) > 0);
    const link = {};
    guard.connectionStarted(link, null, beat);
    guard.store(guard.begin('k', '', null, 1000), link, 'GET', 'k', [], 'v');
    return { guard, cache, link, beat, asked };
  }

  it('a reply counts as a sign of life for a while, and reads make the guard ask again', () => {
    const { guard, beat, asked } = guarded();
    assert.equal(guard.fresh(1000), true);
    assert.equal(guard.fresh(1001), true);
    assert.equal(asked.length, 0);
    assert.equal(guard.fresh(1300), true);
    assert.equal(asked.length, 1);
    assert.equal(guard.fresh(1600), true);
    assert.equal(asked.length, 1, 'one question at a time');
    beat.answered();
    assert.equal(guard.fresh(1900), true, 'true as of 1300');
    assert.equal(asked.length, 2);
    assert.equal(guard.fresh(2099), true);
    assert.equal(guard.fresh(2100), false);
    beat.answered();
    assert.equal(guard.fresh(2150), true, 'true as of 1900');
  });

  it('after a pause the guard serves nothing until there is an answer, and keeps its entries', () => {
    const { guard, cache, beat, asked } = guarded();
    assert.equal(guard.fresh(60_000), false);
    assert.equal(asked.length, 1);
    assert.equal(guard.fresh(60_010), false);
    beat.answered();
    assert.equal(guard.fresh(60_020), true);
    assert.equal(cache.get('GET', 'k'), 'v');
  });

  it('a silent guard drops its own entries, and only those', () => {
    const { guard, cache, asked } = guarded();
    const other = {};
    const lively = new Heartbeat(() => true, 10_000);
    guard.connectionStarted(other, null, lively);
    guard.store(guard.begin('j', '', null, 10_000), other, 'GET', 'j', [], 'w');
    assert.equal(guard.fresh(2000), false);
    assert.equal(guard.fresh(2799), false);
    assert.equal(guard.fresh(2800), true);
    assert.equal(asked.length, 1);
    assert.equal(cache.get('GET', 'k'), undefined);
    assert.equal(cache.get('GET', 'j'), 'w');
  });

  it('entries without a connection to ask are dropped at once', () => {
    const cache = new LRUCache();
    const guard = new CacheGuard(cache);
    const link = {};
    guard.connectionStarted(link, null, new Heartbeat(() => false));
    guard.store(guard.begin('k', '', null, 1000), link, 'GET', 'k', [], 'v');
    assert.equal(guard.fresh(1100), true);
    assert.equal(guard.fresh(1900), true);
    assert.equal(cache.size, 0);
  });

  it('a reply on the connection is no sign of life of its listener', () => {
    const cache = new LRUCache();
    const guard = new CacheGuard(cache);
    const link = {};
    guard.connectionStarted(link, {}, new Heartbeat(() => true));
    guard.store(guard.begin('k', '', null, 1000), link, 'GET', 'k', [], 'v');
    assert.equal(guard.fresh(1001), false);
  });

  it('chosen keys are dropped, kept or on their way', () => {
    const { guard, cache, link } = guarded();
    guard.store(guard.begin('j'), link, 'GET', 'j', [], 1);
    const token = guard.begin('kk');
    guard.dropWhere((key) => String(key).startsWith('k'));
    assert.equal(cache.get('GET', 'k'), undefined);
    assert.equal(cache.get('GET', 'j'), 1);
    assert.equal(token.valid, false);
  });

  it('a guard whose cache has thrown keeps nothing more', () => {
    class Broken extends LRUCache {
      override invalidate(): void {
        throw new Error('broken');
      }
    }
    const guard = new CacheGuard(new Broken());
    const link = {};
    guard.connectionStarted(link);
    guard.store(guard.begin('k'), link, 'GET', 'k', [], 'v');
    assert.equal(guard.usable, true);
    guard.invalidate(['k']);
    assert.equal(guard.usable, false);
    assert.equal(guard.store(guard.begin('k'), link, 'GET', 'k', [], 'v'), false);
  });
});

/** A server with two tracked connections whose replies and invalidations travel in queues of their own. */
describe('CacheGuard against a random server', () => {
  const KEYS = ['a', 'b'];
  type Event = { reply: FetchToken; key: string; value: number; link: Epoch } | { invalidate: string | null };

  class World {
    readonly cache = new LRUCache({ maxKeys: 1 });
    readonly guard = new CacheGuard(this.cache);
    links: Epoch[] = [];
    readonly store = new Map<string, number>();
    /** The keys that the server tracks for each connection. */
    tracked = new Map<Epoch, Set<string>>();
    queues = new Map<Epoch, Event[]>();
    /** The newest value whose invalidation, write or loss this side has seen. */
    readonly known = new Map<string, number>();
    #clock = 0;

    open(): void {
      if (this.links.length >= 2) return;
      const link = {};
      this.links.push(link);
      this.tracked.set(link, new Set());
      this.queues.set(link, []);
      this.guard.connectionStarted(link);
    }
    kill(which: number): void {
      const link = this.links[which % 2];
      if (link === undefined) return;
      this.links = this.links.filter((other) => other !== link);
      const rest = this.queues.get(link) ?? [];
      this.tracked.delete(link);
      this.queues.delete(link);
      this.guard.connectionEnded(link);
      // Bytes read before the end are handled after it.
      for (const event of rest) if ('reply' in event) this.#handle(event);
    }
    write(key: string, own: boolean): void {
      if (own) this.guard.wrote([key]);
      this.store.set(key, ++this.#clock);
      for (const [link, keys] of this.tracked) {
        if (keys.delete(key)) this.queues.get(link)?.push({ invalidate: key });
      }
      if (!own) return;
      this.guard.wrote([key]);
      this.known.set(key, this.#clock);
    }
    flushAll(): void {
      for (const key of KEYS) this.store.set(key, ++this.#clock);
      for (const [link, keys] of this.tracked) {
        keys.clear();
        this.queues.get(link)?.push({ invalidate: null });
      }
    }
    read(key: string, which: number): void {
      const held = this.cache.get('GET', key);
      if (held !== undefined) {
        assert.ok((held as number) >= (this.known.get(key) ?? 0), 'older than what was already told');
        return;
      }
      const link = this.links[which % 2];
      if (link === undefined) return;
      const reply = this.guard.begin(key);
      this.tracked.get(link)?.add(key);
      this.queues.get(link)?.push({ reply, key, value: this.store.get(key) ?? 0, link });
    }
    deliver(which: number): void {
      const link = this.links[which % 2];
      const event = link === undefined ? undefined : this.queues.get(link)?.shift();
      if (event !== undefined) this.#handle(event);
    }
    #handle(event: Event): void {
      if ('reply' in event) {
        this.guard.store(event.reply, event.link, 'GET', event.key, [], event.value);
        return;
      }
      this.guard.invalidate(event.invalidate === null ? null : [Buffer.from(event.invalidate)]);
    }
    settle(): void {
      for (let i = 0; i < 1000; i++) this.deliver(i);
      for (const key of KEYS) {
        const held = this.cache.get('GET', key);
        if (held !== undefined) assert.equal(held, this.store.get(key) ?? 0, 'stale with nothing under way');
      }
      assert.equal(this.guard.fetching, 0);
    }
  }

  it('a cached reply is never stale once every message has arrived, nor older than an own write', () => {
    const key = fc.constantFrom(...KEYS);
    const which = fc.nat(1);
    const step = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.tuple(key, which).map(
          ([k, w]) =>
            (world: World) =>
              world.read(k, w),
        ),
      },
      { weight: 4, arbitrary: which.map((w) => (world: World) => world.deliver(w)) },
      fc.tuple(key, fc.boolean()).map(
        ([k, own]) =>
          (world: World) =>
            world.write(k, own),
      ),
      which.map((w) => (world: World) => world.kill(w)),
      fc.constant((world: World) => world.flushAll()),
      { weight: 2, arbitrary: fc.constant((world: World) => world.open()) },
      fc.constant((world: World) => world.settle()),
    );
    const property = fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
      const world = new World();
      for (const run of steps) run(world);
      world.settle();
    });
    fc.assert(property, { numRuns: 1000 });
  });
});
