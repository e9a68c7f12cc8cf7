import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InvalidResponse, RedisError, WrongTypeError } from '../../../src/errors/errors.ts';
import { Decoder, INCOMPLETE } from '../../../src/resp/decoding/decoder.ts';
import { ReplyMap, ReplySet } from '../../../src/resp/reply-map.ts';
import type { Reply } from '../../../src/resp/types.ts';
import { ASCII, LATIN1, replyMode, UTF8 } from '../../../src/resp/text-modes.ts';
import { decodeAll } from './vectors.ts';
import { one, bulk } from './decoding.ts';

test('text of every length and kind is read exactly', () => {
  for (const unit of ['a', 'é', '€', '😀', 'a€', '\ufeff', '\ufffd', '\0']) {
    for (const count of [0, 1, 2, 3, 7, 8, 9, 12, 15, 16, 17, 31, 100, 700, 1000, 2100, 9000, 70000]) {
      const text = unit.repeat(count);
      assert.equal(one(bulk(text)), text, `${unit} x ${count}`);
      assert.equal(one(bulk(Buffer.from(text)), 2), Buffer.from(text).toString('latin1'));
    }
  }
  for (let count = 0; count <= 17; count++)
    assert.equal(one(bulk('0123456789abcdefg'.slice(0, count)), 3), '0123456789abcdefg'.slice(0, count));
});

test('text with one special character anywhere is read exactly', () => {
  for (const size of [500, 512, 600, 1024, 2047, 2048, 5000]) {
    for (const place of [0, 1, 31, 37, size >> 1, size - 2]) {
      const bytes = Buffer.alloc(size, 0x61);
      bytes.write('é', place);
      assert.equal(one(bulk(bytes)), bytes.toString());
      bytes[place] = 0xff;
      assert.deepEqual(one(bulk(bytes)), bytes);
    }
  }
});

test('bytes that are not valid in the encoding come back as bytes', () => {
  for (const bad of [
    [0xff],
    [0xc3],
    [0xe2, 0x82],
    [0xed, 0xa0, 0x80],
    [0xc0, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
    [0x80],
  ]) {
    for (const around of [0, 5, 50, 700, 3000]) {
      const bytes = Buffer.concat([Buffer.alloc(around, 0x61), Buffer.from(bad), Buffer.from('\ufffd€')]);
      assert.deepEqual(one(bulk(bytes)), bytes);
      assert.equal(one(bulk(bytes), 2), bytes.toString('latin1'));
      assert.deepEqual(one(bulk(bytes), 3), bytes);
    }
  }
  assert.deepEqual(one(`*2\r\n$1\r\na\r\n$2\r\né\r\n`, 3), ['a', Buffer.from('é')]);
});

test('a byte string has memory of its own and holds little else', () => {
  const items = Array.from({ length: 3000 }, (_, i) => bulk(Buffer.alloc(i % 700, i)));
  const chunk = Buffer.concat([Buffer.from(`*${items.length}\r\n`), ...items]);
  const decoder = new Decoder();
  decoder.feed(chunk, 0, chunk.length);
  const value = decoder.read(0, 0) as Buffer[];
  chunk.fill(0);
  const regions = new Map<ArrayBufferLike, [number, number][]>();
  value.forEach((item, i) => {
    assert.ok(Buffer.isBuffer(item) && item.length === i % 700 && item.every((byte) => byte === (i & 255)));
    assert.notEqual(item.buffer, chunk.buffer);
    assert.ok(item.buffer.byteLength <= 8192);
    if (item.length === 0) return;
    if (!regions.has(item.buffer)) regions.set(item.buffer, []);
    regions.get(item.buffer)!.push([item.byteOffset, item.byteOffset + item.length]);
  });
  for (const spans of regions.values()) {
    spans.sort((a, b) => a[0] - b[0]);
    for (let i = 1; i < spans.length; i++) assert.ok(spans[i]![0] >= spans[i - 1]![1]);
  }
});

test('each reply is read in the mode of its request, a push in its own mode', () => {
  const decoder = new Decoder();
  const chunk = Buffer.from('$1\r\na\r\n*2\r\n$1\r\nb\r\n>2\r\n+p\r\n+q\r\n$1\r\nc\r\n+d\r\n');
  decoder.feed(chunk, 0, chunk.length);
  assert.deepEqual(decoder.read(0, 1), Buffer.from('a'));
  assert.deepEqual(decoder.read(1, 0), [Buffer.from('p'), Buffer.from('q')]);
  assert.equal(decoder.kind, 2);
  assert.deepEqual(decoder.read(1, 0), ['b', 'c']);
  assert.equal(decoder.kind, 0);
  assert.equal(decoder.idle, false);
  assert.deepEqual(decoder.read(0, 1), Buffer.from('d'));
  assert.equal(decoder.idle, true);
  assert.equal(decoder.read(0, 1), INCOMPLETE);
});

test('errors have their kind at top level, and are values within', () => {
  const decoder = new Decoder();
  const chunk = Buffer.from(
    '-WRONGTYPE no\r\n*2\r\n-ERR x\r\n!5\r\nERR y\r\n!9\r\nWRONGTYPE\r\n-ERR \xff\r\n',
    'latin1',
  );
  decoder.feed(chunk, 0, chunk.length);
  assert.ok(decoder.read(1, 1) instanceof WrongTypeError);
  assert.equal(decoder.kind, 1);
  const inner = decoder.read(1, 1) as Reply[];
  assert.equal(decoder.kind, 0);
  assert.ok(inner.every((value) => value instanceof RedisError));
  assert.ok(decoder.read(0, 0) instanceof WrongTypeError);
  assert.equal(decoder.kind, 1);
  assert.ok(decoder.read(0, 0) instanceof RedisError);
});

test('numbers stay exact', () => {
  const cases: [string, Reply][] = [
    [':0', 0],
    [':-0', 0],
    [':9007199254740991', 2 ** 53 - 1],
    [':-9007199254740991', 1 - 2 ** 53],
    [':9007199254740992', 2n ** 53n],
    [':9223372036854775807', 2n ** 63n - 1n],
    [':-9223372036854775808', -(2n ** 63n)],
    [':999999999999999', 999999999999999],
    [':1000000000000000', 1e15],
    ['(-0', 0n],
    ['(12', 12n],
    [',3.1415926535897931', Math.PI],
    [',0.1', 0.1],
    [',1e400', Infinity],
    [',-1e-400', -0],
    [',123456789012345678901234567890', 123456789012345678901234567890],
    [',9007199254740993', 2 ** 53],
    [',0.000000000000000000000001', 1e-24],
    [',18014398509481985', 18014398509481984],
  ];
  for (const [line, value] of cases) assert.ok(Object.is(one(`${line}\r\n`), value), line);
  for (const line of [
    ':9223372036854775808',
    ':--1',
    ':',
    ':+',
    ',',
    ',1.2.3',
    ',.',
    ',infinity',
    ',nane',
    '(',
    '(-',
  ]) {
    assert.throws(() => one(`${line}\r\n`), InvalidResponse, line);
  }
});

test('doubles round as the engine rounds', () => {
  let state = 12345;
  const random = (): number => (state = (state * 1103515245 + 12345) % 2147483648) / 2147483648;
  for (let i = 0; i < 20000; i++) {
    const value = (random() + random() / 2 ** 31 - 0.5) * 10 ** Math.floor(random() * 20 - 5);
    for (const text of [String(value), value.toPrecision(17), value.toPrecision(19)]) {
      assert.ok(Object.is(one(`,${text}\r\n`), Number(text)), text);
    }
  }
  for (let i = 0; i < 2000; i++) {
    const middle = (BigInt(Math.floor(random() * 2 ** 31)) << 23n) + 2n ** 53n + 1n;
    for (const text of [`${middle}`, `${middle}.0`, `${middle - 1n}.5`, `${middle}.01`]) {
      assert.ok(Object.is(one(`,${text}\r\n`), Number(text)), text);
    }
  }
});

test('every form of null is read as null', () => {
  for (const text of ['_', '$-1', '*-1', '%-1', '~-1', '=-1', '!-1']) assert.equal(one(`${text}\r\n`), null);
  for (const text of ['>-1', '|-1', '$-01', '*-2']) assert.throws(() => one(`${text}\r\n`), InvalidResponse);
});

test('streamed types are read', () => {
  assert.deepEqual(
    one('%?\r\n+a\r\n:1\r\n+b\r\n*?\r\n$?\r\n;2\r\nxy\r\n;0\r\n.\r\n.\r\n'),
    new ReplyMap([
      ['a', 1],
      ['b', ['xy']],
    ]),
  );
  assert.deepEqual(one('~?\r\n+a\r\n+a\r\n.\r\n'), new ReplySet(['a']));
  assert.deepEqual(one('*?\r\n.\r\n'), []);
  assert.deepEqual(one('$?\r\n;3\r\nabc\r\n;0\r\n', 0), Buffer.from('abc'));
  for (const text of [
    '.\r\n',
    '*1\r\n.\r\n',
    ';0\r\n',
    '>?\r\n',
    '|?\r\n',
    '=?\r\n',
    '%?\r\n+a\r\n.\r\n',
    '$?\r\n+a\r\n',
    '$?\r\n;?\r\n',
    '*?\r\n|1\r\n+a\r\n+b\r\n.\r\n',
    '$?\r\n;-1\r\n',
  ]) {
    assert.throws(() => one(text), InvalidResponse, text);
  }
});

test('attributes are dropped, and count as a started message', () => {
  assert.deepEqual(one('*2\r\n|1\r\n+a\r\n%1\r\n+b\r\n+c\r\n:1\r\n|0\r\n:2\r\n'), [1, 2]);
  const decoder = new Decoder();
  const chunk = Buffer.from('|1\r\n+a\r\n:1\r\n');
  decoder.feed(chunk, 0, chunk.length);
  assert.equal(decoder.read(1, 1), INCOMPLETE);
  decoder.retain();
  assert.equal(decoder.idle, false);
});

test('limits are enforced', () => {
  const broken: [string, object][] = [
    ['$11\r\nhello world\r\n', { maxBulkLength: 10 }],
    ['$?\r\n;6\r\nabcdef\r\n;5\r\nabcde\r\n', { maxBulkLength: 10 }],
    ['*1\r\n*1\r\n*0\r\n', { maxDepth: 2 }],
    ['*4\r\n', { maxElements: 3 }],
    ['%4\r\n', { maxElements: 3 }],
    ['*?\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n', { maxElements: 3 }],
    ['+abcdefghijk\r\n', { maxLineLength: 10 }],
    ['+abcdefghijk', { maxLineLength: 10 }],
    ['$0000000000000000000001\r\na\r\n', {}],
    ['$0001\r\na\r\n', { maxDigits: 3 }],
    [`(${'7'.repeat(70000)}`, {}],
    [`,1.${'7'.repeat(70000)}\r\n`, {}],
    [':123456789012345678901234567890', {}],
    [`:1234567890123456789${'0'.repeat(15)}`, {}],
  ];
  for (const [text, limits] of broken) {
    const outcome = decodeAll([Buffer.from(text)], 1, new Decoder(limits));
    assert.ok(outcome.error instanceof InvalidResponse, text.slice(0, 30));
    for (const length of [1, 20, 25]) {
      // Longer ones take too long byte by byte.
      if (text.length > 100) continue;
      const bytes = Buffer.from(text);
      const pieces = Array.from({ length: Math.ceil(bytes.length / length) }, (_, at) =>
        bytes.subarray(at * length, (at + 1) * length),
      );
      const { error } = decodeAll(pieces, 1, new Decoder(limits));
      assert.ok(error instanceof InvalidResponse, `${text} in pieces of ${length}`);
    }
  }
  assert.deepEqual(one('*1\r\n*1\r\n:1\r\n', 1, { maxDepth: 2 }), [[1]]);
  assert.equal(one('$10\r\n0123456789\r\n', 1, { maxBulkLength: 10 }), '0123456789');
});

test('a failure is final and shows no payload', () => {
  const decoder = new Decoder();
  const chunk = Buffer.from('$3\r\nsecretive\r\n+OK\r\n');
  decoder.feed(chunk, 0, chunk.length);
  let first: unknown;
  assert.throws(
    () => decoder.read(1, 1),
    (error) => {
      first = error;
      return error instanceof InvalidResponse && !error.message.includes('secret');
    },
  );
  decoder.retain();
  decoder.feed(Buffer.from('+OK\r\n'), 0, 5);
  assert.throws(
    () => decoder.read(1, 1),
    (error) => error === first,
  );
});

test('pendingBulk and idle show what is being read', () => {
  const decoder = new Decoder();
  assert.ok(decoder.idle);
  const feed = (text: string): void => {
    decoder.feed(Buffer.from(text), 0, text.length);
    assert.equal(decoder.read(1, 1), INCOMPLETE);
    decoder.retain();
  };
  feed('$5000000');
  assert.equal(decoder.pendingBulk, 0);
  feed('\r\n');
  assert.equal(decoder.pendingBulk, 5_000_000);
  assert.equal(decoder.idle, false);
  const rest = Buffer.from('x'.repeat(5_000_000) + '\r\n');
  decoder.feed(rest, 0, rest.length);
  assert.equal((decoder.read(1, 1) as string).length, 5_000_000);
  assert.equal(decoder.pendingBulk, 0);
  assert.ok(decoder.idle);
});

test('a caller may stop reading between messages, and go on later', () => {
  const decoder = new Decoder();
  const text = Buffer.from(
    '$40\r\n' +
      'a'.repeat(40) +
      '\r\n+' +
      'b'.repeat(50) +
      '\r\n:1\r\n:2\r\n*2\r\n:3\r\n$70\r\n' +
      'c'.repeat(70) +
      '\r\n',
  );
  const seen: Reply[] = [];
  for (let at = 0; at < text.length; at += 7) {
    decoder.feed(Buffer.from(text.subarray(at, at + 7)), 0, Math.min(7, text.length - at));
    if (at % 3 === 0) {
      const value = decoder.read(1, 1);
      if (value !== INCOMPLETE) seen.push(value);
    }
    if (at % 2 === 0) decoder.retain();
  }
  for (let value = decoder.read(1, 1); value !== INCOMPLETE; value = decoder.read(1, 1)) seen.push(value);
  assert.deepEqual(seen, ['a'.repeat(40), 'b'.repeat(50), 1, 2, [3, 'c'.repeat(70)]]);
  assert.ok(decoder.idle);
});

/** Bytes the decoder touched, by counting what it copies: proportional to the input if it is linear. */
test('reading byte by byte takes linear time: strings, lines and streamed strings', () => {
  const size = 64 * 1024;
  const inputs = [
    bulk('x'.repeat(size)),
    Buffer.from(`+${'y'.repeat(size)}\r\n`),
    Buffer.from(`-ERR ${'z'.repeat(size - 5)}\r\n`),
    Buffer.from('$?\r\n' + ';1\r\na\r\n'.repeat(size / 8) + ';0\r\n'),
  ];
  const copy = Buffer.prototype.copy;
  let copied = 0;
  Buffer.prototype.copy = function counted(this: Buffer, ...args: Parameters<Buffer['copy']>): number {
    const count = copy.apply(this, args);
    copied += count;
    return count;
  };
  try {
    for (const input of inputs) {
      copied = 0;
      const outcome = decodeAll(
        Array.from(input, (_, at) => input.subarray(at, at + 1)),
        1,
      );
      assert.equal(outcome.messages.length, 1);
      assert.ok(copied > 0 && copied < 6 * input.length, `${copied} of ${input.length}`);
    }
  } finally {
    Buffer.prototype.copy = copy;
  }
});

test('small arrays among others hold just their members', () => {
  const parts = [
    '*1\r\n:1\r\n',
    '*2\r\n$1\r\na\r\n,1.5\r\n',
    '*3\r\n:1\r\n:2\r\n:3\r\n',
    '*2\r\n*1\r\n:1\r\n:2\r\n',
    '*0\r\n',
    '*2\r\n$3\r\n1-0\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n',
    '*2\r\n:1\r\n*1\r\n*1\r\n:2\r\n',
    '*3\r\n*1\r\n:1\r\n_\r\n*0\r\n',
  ];
  const entry = ['1-0', ['f', 'v']];
  const values = [[1], ['a', 1.5], [1, 2, 3], [[1], 2], [], entry, [1, [[2]]], [[1], null, []]];
  const text = `*${parts.length * 4}\r\n${parts.join('').repeat(4)}`;
  assert.deepEqual(one(text), [...values, ...values, ...values, ...values]);
  for (let cut = 1; cut < text.length; cut++) {
    const outcome = decodeAll(
      [Buffer.from(text.slice(0, cut)), Buffer.from(text.slice(cut))],
      1,
      new Decoder(),
    );
    assert.deepEqual(outcome.messages[0]?.value, [...values, ...values, ...values, ...values]);
  }
});

test('arrays within small arrays count for the depth', () => {
  const entries = `*20\r\n${'*2\r\n:1\r\n*1\r\n:2\r\n'.repeat(20)}`;
  assert.deepEqual(one(entries, 1, { maxDepth: 3 }), Array(20).fill([1, [2]]));
  assert.throws(() => one(entries, 1, { maxDepth: 2 }), InvalidResponse);
});

test('maps and sets keep the encoding of their text, decoded or not, at every depth and every split', () => {
  const wire = Buffer.from(
    '*2\r\n%1\r\n$1\r\n\xe9\r\n~1\r\n$1\r\n\xe9\r\n$?\r\n;1\r\n\xe9\r\n;0\r\n',
    'latin1',
  );
  const bytes = Buffer.from([0xe9]);
  for (const [text, decode, found] of [
    [LATIN1, true, true],
    [LATIN1, false, true],
    [ASCII, true, false],
    [ASCII, false, false],
    [UTF8, false, false],
  ] as const) {
    const mode = replyMode(text, decode);
    for (let at = 0; at < wire.length; at++) {
      const { messages } = decodeAll([wire.subarray(0, at), wire.subarray(at)], mode);
      const [map, plain] = messages[0]?.value as [ReplyMap, Reply];
      const set = (map.get('é') ?? map.get(bytes)) as ReplySet;
      assert.deepEqual([map.has('é'), set.has('é')], [found, found]);
      assert.ok(map.has(bytes) && set.has(bytes));
      assert.deepEqual(plain, text === LATIN1 && decode ? 'é' : bytes);
      assert.ok(!map.has(Buffer.from('é')));
    }
  }
});
