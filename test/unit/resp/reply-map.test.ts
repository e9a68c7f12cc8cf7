import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { mapOfText, ReplyMap, ReplySet, setOfText } from '../../../src/resp/reply-map.ts';
import type { Reply } from '../../../src/resp/types.ts';
import { ASCII, LATIN1 } from '../../../src/resp/text-modes.ts';

const bytes = (text: string): Buffer => Buffer.from(text);

test('a string finds the bytes it encodes to, and bytes find the string', () => {
  const map = new ReplyMap([
    [bytes('käse'), 1],
    ['text', 2],
    [bytes('ascii'), 3],
  ]);
  assert.equal(map.get('käse'), 1);
  assert.equal(map.get(bytes('käse')), 1);
  assert.equal(map.get(bytes('text')), 2);
  assert.equal(map.get(new Uint8Array(bytes('ascii'))), 3);
  assert.equal(map.has('ascii'), true);
  assert.equal(map.has('KÄSE'), false);
  assert.equal(map.delete('käse'), true);
  assert.equal(map.has(bytes('käse')), false);
  assert.equal(map.delete(bytes('text')), true);
  assert.equal(map.size, 1);
});

test('text of another encoding finds the bytes it encodes to there, and bytes find the text', () => {
  const latin1 = Buffer.from([0xe9]);
  const map = mapOfText(LATIN1).set('é', 1).set('Ã©', 2);
  assert.deepEqual([map.get(latin1), map.get(bytes('é')), map.get('é')], [1, 2, 1]);
  const raw = mapOfText(LATIN1).set(latin1, 1).set(bytes('é'), 2);
  assert.deepEqual([raw.get('é'), raw.get('Ã©'), raw.get('€')], [1, 2, undefined]);
  assert.equal(raw.set('é', 3).get(latin1), 3);
  assert.equal(raw.delete('é'), true);
  assert.equal(raw.size, 1);
  raw.clear();
  assert.equal(raw.set(latin1, 4).get('é'), 4);
  const set = setOfText(LATIN1).add('é');
  assert.equal(set.add(latin1).size, 1);
  assert.deepEqual([set.has(latin1), set.has(bytes('é'))], [true, false]);
  const ascii = setOfText(ASCII).add('a').add(latin1).add(bytes('é'));
  assert.deepEqual([ascii.has(bytes('a')), ascii.has('é'), ascii.has(latin1)], [true, false, true]);
  assert.deepEqual(map, new ReplyMap([...map]), 'equal to one of the same entries');
});

test('bytes that are not text are found only as bytes', () => {
  const map = new ReplyMap([
    [Buffer.from([0xff, 0xfe]), 1],
    ['\ufffd\ufffd', 2],
  ]);
  assert.equal(map.get(Buffer.from([0xff, 0xfe])), 1);
  assert.equal(map.get('ÿþ'), undefined);
  assert.equal(map.get(bytes('\ufffd\ufffd')), 2);
});

test('a byte order mark is part of a key', () => {
  const map = new ReplyMap([['\ufeffa', 1]]);
  assert.equal(map.get(bytes('\ufeffa')), 1);
  assert.equal(map.get(bytes('a')), undefined);
});

test('numbers, texts, booleans, null and NaN stay apart', () => {
  const map = new ReplyMap([
    [1, 'n'],
    ['1', 's'],
    [true, 'b'],
    [null, 'null'],
    [NaN, 'nan'],
    [1n, 'big'],
  ]);
  assert.equal(map.size, 6);
  assert.deepEqual(
    [1, '1', true, null, NaN, 1n].map((key) => map.get(key)),
    ['n', 's', 'b', 'null', 'nan', 'big'],
  );
  assert.equal(map.get(bytes('1')), 's');
  assert.equal(map.get('true'), undefined);
});

test('__proto__ and similar names are ordinary keys', () => {
  const map = new ReplyMap();
  ReplyMap.append(map, bytes('__proto__'), new ReplyMap([['polluted', 'yes']]));
  ReplyMap.append(map, 'constructor', 1);
  assert.equal((map.get('__proto__') as ReplyMap).get('polluted'), 'yes');
  assert.equal(({} as { polluted?: string }).polluted, undefined);
  assert.equal(map.get(bytes('constructor')), 1);
});

test('equal keys keep the last value, in the first place, whichever form they have', () => {
  const map = new ReplyMap();
  map
    .set(bytes('a'), 1)
    .set('b', 2)
    .set('a', 3)
    .set(bytes('b'), 4)
    .set(new Uint8Array([0x61]) as Buffer, 5);
  assert.deepEqual(
    [...map].map(([key, value]) => [String(key), value]),
    [
      ['a', 5],
      ['b', 4],
    ],
  );
  assert.ok(Buffer.isBuffer([...map.keys()][0]));
});

const USES: Record<string, (map: ReplyMap) => void> = {
  size: (map) => assert.equal(map.size, 2),
  'for of': (map) => assert.equal([...map].length, 2),
  entries: (map) => assert.equal([...map.entries()].length, 2),
  keys: (map) => assert.deepEqual([...map.keys()].map(String), ['a', 'b']),
  values: (map) => assert.deepEqual([...map.values()], [3, 2]),
  forEach: (map) => {
    const seen: Reply[] = [];
    map.forEach((value) => seen.push(value));
    assert.deepEqual(seen, [3, 2]);
  },
  get: (map) => assert.equal(map.get('a'), 3),
  has: (map) => assert.equal(map.has(bytes('b')), true),
  delete: (map) => {
    assert.equal(map.delete('a'), true);
    assert.equal(map.size, 1);
    assert.equal(map.has(bytes('a')), false);
  },
  set: (map) => assert.equal(map.set('a', 9).size, 2),
  clear: (map) => {
    map.clear();
    assert.equal(map.size, 0);
    assert.equal(map.get('a'), undefined);
  },
};
for (const [name, use] of Object.entries(USES)) {
  test(`equal byte keys of the wire are one key from the first ${name}`, () => {
    const map = new ReplyMap();
    for (const [key, value] of [
      ['a', 1],
      ['b', 2],
      ['a', 3],
    ] as const)
      ReplyMap.append(map, bytes(key), value);
    use(map);
  });
}

test('aggregates are kept as keys, each by itself', () => {
  const key: Reply[] = [1, 2];
  const map = new ReplyMap([
    [key, 1],
    [[1, 2], 2],
    [new ReplyMap(), 3],
    [new ReplyMap(), 4],
  ]);
  assert.equal(map.size, 4);
  assert.equal(map.get(key), 1);
});

test('a set finds and joins its members by content', () => {
  const set = new ReplySet(['a', bytes('b')]);
  set.add(bytes('a')).add('b').add(bytes('b'));
  assert.equal(set.size, 2);
  assert.equal(set.has(bytes('a')) && set.has('b') && set.has(new Uint8Array([0x62])), true);
  assert.equal(set.delete('b'), true);
  assert.equal(set.has(bytes('b')), false);
  set.clear();
  assert.equal(set.size, 0);
  for (const member of ['x', 'y', 'x']) ReplySet.append(set, bytes(member));
  assert.deepEqual([...set].map(String), ['x', 'y']);
  assert.deepEqual(
    [...set.entries()].map(([member]) => String(member)),
    ['x', 'y'],
  );
  assert.equal(set.has('x'), true);
});

test('members with a lone surrogate find the bytes they encode to', () => {
  assert.equal(new ReplyMap([[bytes('\ufffd'), 1]]).get('\ud800'), 1);
});

const key = fc.oneof(
  fc.string({ maxLength: 3, unit: 'grapheme' }),
  fc.integer({ min: 0, max: 3 }),
  fc.boolean(),
  fc.string({ maxLength: 2 }).map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 2 }).map((b) => Buffer.from(b)),
);
const content = (value: string | number | boolean | Uint8Array): string =>
  typeof value === 'string'
    ? `s${Buffer.from(value).toString('hex')}`
    : typeof value === 'object'
      ? `s${Buffer.from(value).toString('hex')}`
      : `${typeof value}${value}`;

test('a ReplyMap behaves as a map of contents', () => {
  const step = fc.tuple(fc.constantFrom('set', 'delete', 'get', 'append'), key, fc.integer());
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const map = new ReplyMap();
      const set = new ReplySet();
      const model = new Map<string, number>();
      for (const [what, at, value] of steps) {
        const id = content(at);
        if (what === 'set' || (what === 'append' && typeof at !== 'object')) {
          map.set(at, value);
          set.add(at);
          model.set(id, value);
        } else if (what === 'delete') {
          assert.equal(map.delete(at), model.has(id));
          assert.equal(set.delete(at), model.delete(id));
        } else if (what === 'get') {
          assert.equal(map.get(at), model.get(id));
          assert.equal(map.has(at), model.has(id));
          assert.equal(set.has(at), model.has(id));
        }
        assert.equal(map.size, model.size);
        assert.equal(set.size, model.size);
      }
      assert.deepEqual(
        [...map].map(([k, v]) => [content(k as string), v]),
        [...model],
      );
      assert.deepEqual(
        [...set].map((k) => content(k as string)),
        [...model.keys()],
      );
    }),
    { numRuns: 500 },
  );
});

test('toObject gives a plain object by the text of the keys, JSON an object or pairs', () => {
  const map = new ReplyMap([
    [bytes('käse'), bytes('v')],
    ['text', 1],
    [bytes('__proto__'), 2],
  ]);
  const object: Record<string, Reply> = map.toObject();
  assert.deepEqual(Object.keys(object), ['käse', 'text', '__proto__']);
  assert.deepEqual([object.käse, object.text], [bytes('v'), 1]);
  assert.equal(Object.getPrototypeOf(object), Object.prototype);
  assert.equal(
    JSON.stringify(new ReplyMap([['a', new ReplyMap([['b', [1, null]]])]])),
    '{"a":{"b":[1,null]}}',
  );
  assert.equal(JSON.stringify(new ReplyMap([[1, 'a']])), '[[1,"a"]]');
  assert.equal(JSON.stringify(new ReplyMap([[bytes('a'), 1]])), JSON.stringify([[bytes('a'), 1]]));
  assert.equal(JSON.stringify(new ReplyMap()), '{}');
});

test('toObject keeps keys apart that are not text, or no strings', () => {
  const latin1 = mapOfText(LATIN1).set(Buffer.from([0xe9]), 1);
  assert.deepEqual(latin1.toObject(), { é: 1 });
  const map = new ReplyMap([
    [Buffer.from([0xff]), 1],
    [7, 2],
    [8n, 3],
    [null, 4],
    [['a', 1n], 5],
  ]);
  assert.deepEqual(map.toObject(), { '7': 2, '8': 3, ÿ: 1, null: 4, '["a","1"]': 5 });
});

test('a set is an array in JSON', () => {
  assert.equal(JSON.stringify(new ReplySet(['a', 1, null])), '["a",1,null]');
  assert.deepEqual(new ReplySet([bytes('a'), bytes('a')]).toJSON(), [bytes('a')]);
  assert.equal(JSON.stringify({ set: new ReplySet() }), '{"set":[]}');
});
