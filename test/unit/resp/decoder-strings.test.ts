import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { InvalidResponse } from '../../../src/errors/errors.ts';
import { Decoder, INCOMPLETE } from '../../../src/resp/decoding/decoder.ts';
import { type ReplyMap, ReplySet } from '../../../src/resp/reply-map.ts';
import type { Reply } from '../../../src/resp/types.ts';
import type { DecodeMode } from '../../../src/resp/text-modes.ts';
import { decodeAll } from './vectors.ts';
import { one, bulk } from './decoding.ts';

test('a large string grows as it arrives, and becomes one buffer of its size', () => {
  const decoder = new Decoder();
  const before = process.memoryUsage().external;
  decoder.feed(Buffer.from('$536870912\r\nabc'), 0, 15);
  assert.equal(decoder.read(0, 0), INCOMPLETE);
  decoder.retain();
  assert.ok(process.memoryUsage().external - before < 1 << 20);
  const size = (16 << 20) + 5;
  const input = bulk(Buffer.alloc(size, 0x41));
  const pieces = Array.from({ length: Math.ceil(input.length / 65536) }, (_, i) =>
    input.subarray(i * 65536, (i + 1) * 65536),
  );
  const value = decodeAll(pieces, 0).messages[0]!.value as Buffer;
  assert.equal(value.length, size);
  assert.equal(value.buffer.byteLength, size);
});

/** Decodes the way a transport does that asks for the place of the bytes before it reads them. */
function decodeInPlace(
  input: Buffer,
  mode: DecodeMode,
  size: (at: number) => number,
): { values: Reply[]; direct: number } {
  const decoder = new Decoder();
  const slab = Buffer.alloc(65536);
  const values: Reply[] = [];
  let direct = 0;
  for (let at = 0; at < input.length; ) {
    const room = decoder.room();
    const target = room ?? slab;
    const count = input.copy(target, 0, at, Math.min(input.length, at + Math.min(size(at), target.length)));
    at += count;
    if (room === null) decoder.feed(slab, 0, count);
    else {
      decoder.filled(count);
      direct += count;
    }
    for (let value = decoder.read(mode, 0); value !== INCOMPLETE; value = decoder.read(mode, 0))
      values.push(value);
    decoder.retain();
    slab.fill(0xff);
  }
  assert.equal(decoder.idle, true);
  return { values, direct };
}

test('a large string read straight into its buffer is the same, wherever the reads end', () => {
  const large = Buffer.alloc(700_001, 'žluťoučký kůň ');
  const broken = Buffer.concat([large, Buffer.from([0xff])]);
  const input = Buffer.concat([
    Buffer.from('+OK\r\n>2\r\n$4\r\nnews\r\n:1\r\n'),
    bulk(large),
    Buffer.from('*3\r\n:1\r\n'),
    bulk(broken),
    Buffer.from(`$-1\r\n=${large.length + 4}\r\ntxt:`),
    large,
    Buffer.from('\r\n$?\r\n;131073\r\n'),
    large.subarray(0, 131_073),
    Buffer.from('\r\n;0\r\n'),
    bulk('the end'),
  ]);
  for (const mode of [0, 1, 2] as const) {
    const whole = decodeAll([input], mode).messages.map(({ value }) => value);
    for (const size of [1021, 65536, 4096 + 7, 1 << 20]) {
      let seed = size;
      const random = (): number => 1 + ((seed = (seed * 16807) % 2147483647) % size);
      for (const cut of [() => size, random]) {
        const { values, direct } = decodeInPlace(input, mode, cut);
        assert.equal(values.length, whole.length);
        // Not one large comparison: its report of a difference would be megabytes.
        for (const [index, value] of values.entries())
          assert.ok(isDeepStrictEqual(value, whole[index]), `value ${index}`);
        assert.ok(direct > 1_000_000, `${direct} bytes in place`);
      }
    }
  }
});

test('no buffer is offered for a string that is small or nearly complete, or for another type', () => {
  const decoder = new Decoder();
  const offered = (text: string): boolean => {
    const bytes = Buffer.from(text);
    decoder.feed(bytes, 0, bytes.length);
    assert.equal(decoder.read(0, 0), INCOMPLETE);
    const room = decoder.room();
    decoder.retain();
    return room !== null;
  };
  assert.equal(decoder.room(), null);
  assert.equal(offered('*2\r\n'), false);
  assert.equal(offered('$100000\r\nabc'), false);
  const other = new Decoder();
  other.feed(Buffer.from('$200000\r\nabc'), 0, 12);
  assert.equal(other.read(0, 0), INCOMPLETE);
  assert.ok((other.room()?.length ?? 0) > 0);
  const rest = Buffer.alloc(100_000, 0x61);
  other.feed(rest, 0, rest.length);
  assert.equal(other.read(0, 0), INCOMPLETE);
  assert.equal(other.room(), null);
});

test('a million entries and a large string are read once, in chunks of any size', () => {
  const count = 1_000_000;
  const list = Buffer.from(
    `*${count}\r\n${Array.from({ length: count }, (_, at) => `$7\r\n${1_000_000 + at}\r\n`).join('')}`,
  );
  const large = bulk(Buffer.alloc(16 << 20, 0x61));
  const copy = Buffer.prototype.copy;
  let copied = 0;
  Buffer.prototype.copy = function counted(this: Buffer, ...args: Parameters<Buffer['copy']>): number {
    const bytes = copy.apply(this, args);
    copied += bytes;
    return bytes;
  };
  try {
    for (const size of [997, 4096, 65536, 1 << 20]) {
      for (const input of [list, large]) {
        copied = 0;
        const decoder = new Decoder();
        let value: Reply | typeof INCOMPLETE = INCOMPLETE;
        for (let at = 0; at < input.length; at += size) {
          decoder.feed(input, at, Math.min(input.length, at + size));
          value = decoder.read(0, 0);
          decoder.retain();
        }
        assert.ok(value !== INCOMPLETE);
        if (input === list) {
          assert.equal((value as Reply[]).length, count);
          assert.equal(String((value as Reply[])[count - 1]), String(1_000_000 + count - 1));
        } else assert.equal((value as Buffer).length, 16 << 20);
        assert.ok(
          copied < 3 * input.length,
          `${copied} of ${input.length} bytes copied in chunks of ${size}`,
        );
      }
    }
  } finally {
    Buffer.prototype.copy = copy;
  }
});

test('runs of short strings are read exactly, whatever is between them and however they are cut', () => {
  const words = [
    '',
    'a',
    '0123456789',
    'elevenbytes',
    'twelve bytes',
    'thirteen byte',
    'é',
    'žluťoučký',
    '12',
    '\0',
    'x'.repeat(40),
  ];
  const shortOnly = words.filter((word) => Buffer.byteLength(word) === word.length && word.length <= 12);
  for (const all of [words, shortOnly]) {
    const items = Array.from({ length: 900 }, (_, index) => all[(index * 7 + (index >> 5)) % all.length]!);
    const body = Buffer.concat(items.map(bulk));
    const ends = [items.length, items.length / 2];
    const heads = [`*${ends[0]}\r\n`, `~${ends[0]}\r\n`, `%${ends[1]}\r\n`];
    for (const head of heads) {
      const whole = Buffer.concat([Buffer.from(head), body]);
      for (const size of [whole.length, 1, 7, 1000, 4096, 4099]) {
        const pieces: Buffer[] = [];
        for (let at = 0; at < whole.length; at += size) pieces.push(whole.subarray(at, at + size));
        const outcome = decodeAll(pieces, 1, new Decoder());
        assert.equal(outcome.error, null);
        const value = outcome.messages[0]!.value;
        if (Array.isArray(value)) assert.deepEqual(value, items);
        else if (value instanceof ReplySet) assert.deepEqual([...value], [...new Set(items)]);
        else assert.deepEqual([...(value as ReplyMap)], pairsOf(items));
      }
    }
  }
  const latin = Array.from({ length: 50 }, (_, index) => Buffer.from([0x61, 0x80 + index]));
  assert.deepEqual(
    one(Buffer.concat([Buffer.from('*50\r\n'), ...latin.map(bulk)]), 2),
    latin.map((bytes) => bytes.toString('latin1')),
  );
});

function pairsOf(items: readonly string[]): [string, string][] {
  const map = new Map<string, string>();
  for (let at = 0; at < items.length; at += 2) map.set(items[at]!, items[at + 1]!);
  return [...map];
}

test('short strings between long ones are read exactly', () => {
  const items = Array.from({ length: 400 }, (_, index) =>
    index % 2 === 0 ? `f:${index}` : 'v'.repeat(index * 11),
  );
  const whole = Buffer.concat([Buffer.from('*400\r\n'), ...items.map(bulk)]);
  for (const size of [whole.length, 4096, 70_001]) {
    const pieces: Buffer[] = [];
    for (let at = 0; at < whole.length; at += size) pieces.push(whole.subarray(at, at + size));
    assert.deepEqual(decodeAll(pieces, 1, new Decoder()).messages[0]?.value, items);
  }
});

test('strings with strange headers among short ones are read exactly', () => {
  const head = `*20\r\n${'$1\r\na\r\n'.repeat(15)}`;
  const tail = '$1\r\nb\r\n'.repeat(4);
  assert.deepEqual((one(`${head}$-1\r\n${tail}`) as Reply[])[15], null);
  assert.deepEqual((one(`${head}$012\r\n0123456789ab\r\n${tail}`) as Reply[])[15], '0123456789ab');
  assert.deepEqual((one(`${head}$00\r\n\r\n${tail}`) as Reply[])[15], '');
  for (const bad of [
    '$1\r\nab\r\n',
    '$1x\r\na\r\n',
    '$+1\r\na\r\n',
    '$1\ra\r\n',
    '$1:\r\na\r\n',
    '$\r\na\r\n',
  ]) {
    assert.throws(() => one(`${head}${bad}${tail}`), InvalidResponse, bad);
  }
  assert.throws(() => one(`${head}$9\r\n123456789\r\n${tail}`, 1, { maxBulkLength: 8 }), InvalidResponse);
  assert.throws(() => one(`${head}$10\r\n1234567890\r\n${tail}`, 1, { maxDigits: 1 }), InvalidResponse);
});
