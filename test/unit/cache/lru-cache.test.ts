import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LRUCache } from '../../../src/cache/lru-cache.ts';
import type { LRUCacheOptions } from '../../../src/cache/lru-cache.ts';
import { ResponseError } from '../../../src/errors/errors.ts';
import { AbstractCache } from '../../../src/interfaces/abstract-cache.ts';
import { mapOfText, ReplyMap, ReplySet, setOfText } from '../../../src/resp/reply-map.ts';
import type { Reply } from '../../../src/resp/types.ts';
import { LATIN1 } from '../../../src/resp/text-modes.ts';

class AgingCache extends LRUCache {
  time = 0;
  protected override now(): number {
    return this.time;
  }
}

describe('AbstractCache', () => {
  it('AbstractCache cannot be constructed', () => {
    const Abstract = AbstractCache as unknown as new () => AbstractCache;
    assert.throws(() => new Abstract(), TypeError);
    assert.ok(new LRUCache() instanceof AbstractCache);
  });
});

describe('LRUCache: options', () => {
  it('invalid limits are refused by name', () => {
    for (const name of ['maxKeys', 'maxBytes', 'maxAge']) {
      for (const value of [0, -1, NaN, Infinity, '1']) {
        const make = (): LRUCache => new LRUCache({ [name]: value });
        assert.throws(make, (error) => error instanceof TypeError && error.message.includes(name));
      }
      assert.doesNotThrow(() => new LRUCache({ [name]: null }));
    }
    const bad: object[] = [
      { confidence: 101 },
      { confidence: -1 },
      { confidence: NaN },
      { dynamicConfidence: 1 },
      { keys: 1 },
    ];
    for (const options of bad) assert.throws(() => new LRUCache(options as LRUCacheOptions), TypeError);
  });

  it('a cache holds 4,096 keys by default', () => {
    const plain = new LRUCache();
    const bounded = new LRUCache({ maxBytes: 10_000_000 });
    const free = new LRUCache({ maxKeys: null });
    for (const cache of [plain, bounded, free]) {
      for (let i = 0; i < 5000; i++) cache.put('GET', `k${i}`, [], i);
    }
    assert.deepEqual([plain.size, bounded.size, free.size], [4096, 5000, 5000]);
    assert.equal(plain.stats.evictions, 904);
    assert.equal(plain.stats.invalidations, 0);
  });
});

describe('LRUCache: get and put', () => {
  it('null and other falsy values differ from a miss', () => {
    const cache = new LRUCache();
    assert.equal(cache.get('GET', 'k'), undefined);
    for (const value of [null, 0, '', false, 0n] as Reply[]) {
      cache.put('GET', 'k', [], value);
      assert.equal(cache.get('GET', 'k'), value);
    }
    assert.deepEqual({ hits: cache.stats.hits, misses: cache.stats.misses }, { hits: 5, misses: 1 });
  });

  it('text and bytes of a key are one key, arguments differ by type, and the case of a command does not count', () => {
    const cache = new LRUCache();
    cache.put('HGET', 'grün', ['f'], 1);
    assert.equal(cache.get('hget', Buffer.from('grün'), 'f'), 1);
    assert.equal(cache.get('HGET', new Uint8Array(Buffer.from('grün')), 'f'), 1);
    assert.equal(cache.get('HGET', 'grün', Buffer.from('f')), undefined);
    assert.equal(cache.get('HGET', 'grün'), undefined);
    const binary = Buffer.from([0xff, 0x00]);
    cache.put('GET', binary, [], 2);
    assert.equal(cache.get('GET', binary), 2);
    assert.equal(cache.get('GET', binary.toString('latin1')), undefined);
    cache.put('GET', 'a\uD800', [], 3);
    assert.equal(cache.get('GET', 'a\uD800'), 3);
    cache.invalidate(Buffer.from('a\uFFFD'));
    assert.equal(cache.get('GET', 'a\uD800'), undefined);
  });

  it('lists of arguments stay apart, whatever they hold', () => {
    const cache = new LRUCache();
    const lists = [
      ['a', 'b'],
      ['ab'],
      ['a\0s1:b'],
      ['a'],
      [''],
      ['', ''],
      [1],
      ['1'],
      [1n],
      [Buffer.from('1')],
      [0],
      [-0],
    ];
    for (const [index, args] of lists.entries()) cache.put('X', 'k', args, index);
    // A bigint is sent as the same digits as a number.
    const expected = lists.map((_, index) => (index === 6 ? 8 : index));
    assert.deepEqual(
      lists.map((args) => cache.get('X', 'k', ...args)),
      expected,
    );
    assert.equal(cache.size, 1);
    cache.invalidate('k');
    assert.equal(cache.stats.bytes, 0);
  });

  it('maps and sets keep the encoding of their text', () => {
    const cache = new LRUCache();
    const bytes = Buffer.from([0xe9]);
    cache.put('X', 'k', [], [mapOfText(LATIN1).set(bytes, 1), setOfText(LATIN1).add('é')]);
    const [map, set] = cache.get('X', 'k') as [ReplyMap, ReplySet];
    assert.deepEqual([map.get('é'), set.has(bytes), set.has(Buffer.from('é'))], [1, true, false]);
  });

  it('mutable values are copied, on put and on every hit', () => {
    const cache = new LRUCache();
    const bytes = Buffer.from('bytes');
    const value: Reply = [
      bytes,
      'text',
      new ReplyMap([[Buffer.from('k'), [1]]]),
      new ReplySet([Buffer.from('m'), 2]),
    ];
    cache.put('X', 'k', [], value);
    bytes[0] = 0;
    value.push('more');
    const first = cache.get('X', 'k') as [Buffer, string, ReplyMap, ReplySet];
    assert.deepEqual(first[0], Buffer.from('bytes'));
    assert.equal(first.length, 4);
    assert.deepEqual(first[2].get('k'), [1]);
    assert.ok(first[2] instanceof ReplyMap && first[3] instanceof ReplySet && first[3].has('m'));
    first[0].fill(0);
    (first[2].get('k') as Reply[]).push(9);
    first[2].clear();
    first[3].clear();
    const second = cache.get('X', 'k') as [Buffer, string, ReplyMap, ReplySet];
    assert.deepEqual(second[0], Buffer.from('bytes'));
    assert.deepEqual(second[2].get('k'), [1]);
    assert.equal(second[3].size, 2);
  });

  it('every byte value and large replies are kept', () => {
    const cache = new LRUCache({ maxBytes: 10_000_000 });
    const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const large = Buffer.alloc(1_000_000, 0xe9);
    cache.put('GET', 'all', [], all);
    cache.put('GET', 'large', [], large);
    assert.deepEqual(cache.get('GET', 'all'), all);
    assert.deepEqual(cache.get('GET', 'large'), large);
  });

  it('an error is not kept, and drops the value in its place', () => {
    const cache = new LRUCache();
    cache.put('GET', 'k', [], 1);
    cache.put('GET', 'k', [], new ResponseError('ERR no'));
    assert.equal(cache.get('GET', 'k'), undefined);
    assert.equal(cache.stats.bytes, 0);
  });
});

describe('LRUCache: bounds', () => {
  it('the least recently used key is dropped with all its entries', () => {
    const cache = new LRUCache({ maxKeys: 2 });
    cache.put('GET', 'a', [], 1);
    cache.put('STRLEN', 'a', [], 2);
    cache.put('GET', 'b', [], 3);
    assert.equal(cache.get('GET', 'a'), 1);
    cache.put('GET', 'c', [], 4);
    assert.equal(cache.get('GET', 'b'), undefined);
    assert.equal(cache.get('STRLEN', 'a'), 2);
    cache.put('GET', 'd', [], 5);
    assert.equal(cache.get('GET', 'c'), undefined);
    assert.equal(cache.stats.evictions, 2);
  });

  it('each entry counts its payload and 64 bytes', () => {
    const cache = new LRUCache();
    cache.put('GET', 'k', [], 'x'.repeat(100));
    assert.equal(cache.stats.bytes, 164);
    cache.put('GET', 'k', [], Buffer.alloc(10));
    assert.equal(cache.stats.bytes, 74);
    cache.put('GET', 'k', [], '€'.repeat(10));
    assert.equal(cache.stats.bytes, 84);
    cache.put('GET', 'k', [], 'é'.repeat(10));
    assert.equal(cache.stats.bytes, 74);
    cache.put('HMGET', 'k', ['f'], ['abc', null]);
    assert.equal(cache.stats.bytes, 74 + 64 + 16 + 3 + 16 + 8);
    cache.reset();
    assert.equal(cache.stats.bytes, 0);
    cache.put('GET', 'k'.repeat(1000), [], 1);
    assert.ok(cache.stats.bytes >= 1000);
  });

  it('maxBytes is never exceeded, with one key of many entries as well, and values over it are refused', () => {
    const cache = new LRUCache({ maxBytes: 1000, maxKeys: null });
    for (let i = 0; i < 100; i++) {
      cache.put('HGET', 'k', [`f${i}`], 'x'.repeat(36));
      assert.ok(cache.stats.bytes <= 1000);
    }
    assert.equal(cache.get('HGET', 'k', 'f99'), 'x'.repeat(36));
    assert.equal(cache.get('HGET', 'k', 'f0'), undefined);
    cache.put('GET', 'large', [], 'x'.repeat(1000));
    assert.equal(cache.get('GET', 'large'), undefined);
    assert.equal(cache.get('HGET', 'k', 'f99'), 'x'.repeat(36));
  });

  it('entries end by age, however often they are read', () => {
    const cache = new AgingCache({ maxAge: 100 });
    cache.put('GET', 'k', [], 1);
    cache.time = 60;
    assert.equal(cache.get('GET', 'k'), 1);
    cache.time = 99;
    assert.equal(cache.get('GET', 'k'), 1);
    cache.time = 100;
    assert.equal(cache.get('GET', 'k'), undefined);
    assert.equal(cache.stats.bytes, 0);
    assert.equal(cache.size, 0);
    const ageless = new AgingCache({ maxAge: null });
    ageless.put('GET', 'k', [], 1);
    ageless.time = 1e15;
    assert.equal(ageless.get('GET', 'k'), 1);
    const usual = new AgingCache();
    usual.put('GET', 'k', [], 1);
    usual.time = 60_000;
    assert.equal(usual.get('GET', 'k'), undefined);
  });
});

describe('LRUCache: statistics and confidence', () => {
  it('an invalidation counts for each given key, kept or not', () => {
    const cache = new LRUCache();
    cache.put('GET', 'a', [], 1);
    cache.invalidate('a', 'b', Buffer.from('c'));
    cache.invalidate();
    assert.equal(cache.stats.invalidations, 3);
    assert.equal(cache.get('GET', 'a'), undefined);
    assert.equal(cache.healthy, true);
  });

  it('a contradicted hit counts and drops its key; without dynamicConfidence nothing else moves', () => {
    const cache = new LRUCache({ confidence: 50 });
    cache.put('GET', 'a', [], 1);
    cache.feedback('GET', 'a', [], true);
    assert.equal(cache.get('GET', 'a'), 1);
    cache.feedback('GET', 'a', [], false);
    assert.equal(cache.get('GET', 'a'), undefined);
    assert.equal(cache.confidence, 50);
    const { dirtyHits, invalidations } = cache.stats.summary;
    assert.deepEqual({ dirtyHits, invalidations }, { dirtyHits: 1, invalidations: 1 });
  });

  it('a dynamic confidence moves between 0 and 100', () => {
    const cache = new LRUCache({ confidence: 50, dynamicConfidence: true });
    cache.feedback('GET', 'a', [], true);
    assert.equal(cache.confidence, 50 * 1.0001);
    cache.feedback('GET', 'a', [], false);
    assert.equal(cache.confidence, 50 * 1.0001 * 0.999);
    for (let i = 0; i < 10_000; i++) cache.feedback('GET', 'a', [], true);
    assert.equal(cache.confidence, 100);
    cache.feedback('GET', 'a', [], false);
    cache.reset();
    assert.equal(cache.confidence, 50);
  });

  it('the totals survive a reset', () => {
    const cache = new LRUCache({ maxKeys: 1 });
    cache.put('GET', 'a', [], 1);
    cache.put('GET', 'b', [], 1);
    cache.get('GET', 'a');
    cache.get('GET', 'b');
    cache.invalidate('x');
    cache.reset();
    const expected = {
      hits: 1,
      misses: 1,
      dirtyHits: 0,
      invalidations: 1,
      evictions: 1,
      bypassed: 0,
      bytes: 0,
    };
    assert.deepEqual(cache.stats.summary, expected);
    assert.equal(JSON.stringify(cache.stats), JSON.stringify(expected));
    assert.equal(cache.get('GET', 'b'), undefined);
  });
});

describe('LRUCache against a plain model', () => {
  const key = fc.constantFrom('a', 'b', 'c', 'd', 'e');
  const field = fc.constantFrom('x', 'y', 'z');
  const step = fc.oneof(
    fc.record({ op: fc.constant('put' as const), key, field, size: fc.nat(200) }),
    fc.record({ op: fc.constant('get' as const), key, field, size: fc.constant(0) }),
    fc.record({ op: fc.constant('invalidate' as const), key, field, size: fc.constant(0) }),
  );

  it('the cache holds the most recently used keys, within both bounds, and nothing else', () => {
    const property = fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
      const cache = new LRUCache({ maxKeys: 3, maxBytes: 500, maxAge: null });
      // Insertion order is recency: a used key is put at the end again.
      const model = new Map<string, Map<string, string>>();
      const bytes = (): number =>
        [...model.values()]
          .flatMap((fields) => [...fields.values()])
          .reduce((sum, value) => sum + 64 + value.length, 0);
      for (const { op, key: name, field: part, size } of steps) {
        const held = model.get(name);
        if (op === 'invalidate') {
          cache.invalidate(name);
          model.delete(name);
        } else if (op === 'get') {
          assert.equal(cache.get('HGET', name, part), held?.get(part));
          if (held?.has(part) !== true) continue;
          model.delete(name);
          model.set(name, held);
        } else {
          const value = 'v'.repeat(size);
          cache.put('HGET', name, [part], value);
          const fields = held ?? new Map<string, string>();
          fields.delete(part);
          fields.set(part, value);
          model.delete(name);
          model.set(name, fields);
          while (model.size > 3 || bytes() > 500) {
            const [oldest, parts] = [...model][0] as [string, Map<string, string>];
            if (model.size > 1) model.delete(oldest);
            else parts.delete([...parts.keys()][0] as string);
          }
        }
        assert.equal(cache.size, model.size);
        assert.equal(cache.stats.bytes, bytes());
      }
    });
    fc.assert(property, { numRuns: 300 });
  });
});
