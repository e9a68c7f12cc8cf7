import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { INCOMPLETE } from '../../../src/resp/decoding/decoder.ts';
import { PartialReader } from '../../../src/resp/decoding/partial-reader.ts';
import { BYTES, UTF8 } from '../../../src/resp/text-modes.ts';
import type { Reply } from '../../../src/resp/types.ts';

/** Reads two replies that come in pieces; parts of the first are taken whenever something has come. */
function inPieces(
  wire: string,
  size: number,
  take: (reader: PartialReader) => Reply[],
  mode: typeof BYTES | typeof UTF8,
): { parts: Reply[]; last: Reply; next: Reply } {
  const reader = new PartialReader();
  const bytes = Buffer.from(wire);
  const parts: Reply[] = [];
  const values: Reply[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    reader.feed(bytes, at, Math.min(bytes.length, at + size));
    for (;;) {
      const value = reader.read(values.length === 0 ? mode : UTF8, UTF8);
      if (value === INCOMPLETE) break;
      values.push(value);
    }
    if (values.length === 0) parts.push(...take(reader));
    reader.retain();
  }
  return { parts, last: values[0] as Reply, next: values[1] as Reply };
}

describe('parts of an arriving reply', () => {
  it('the chunks of a string cut anywhere are the string, and the next reply is whole', () => {
    const body = 'x\r\ny'.repeat(60);
    const wire = `$${body.length}\r\n${body}\r\n+next\r\n`;
    for (let size = 1; size <= wire.length; size++) {
      let missing = body.length;
      const take = (reader: PartialReader): Reply[] => {
        const part = reader.takeBytes();
        if (part === null) return [];
        missing -= part.content.length;
        assert.equal(part.missing, missing);
        return [part.content];
      };
      const { parts, last, next } = inPieces(wire, size, take, BYTES);
      assert.equal(Buffer.concat([...parts, last] as Buffer[]).toString(), body, `pieces of ${size}`);
      assert.equal(next, 'next');
    }
  });

  const items = Array.from({ length: 40 }, (_, n) => `$3\r\n${n + 100}\r\n`);
  const aggregates: readonly [name: string, wire: string, listed: (value: Reply) => Reply[], size: number][] =
    [
      ['an array', `*41\r\n${items.join('')}*2\r\n:1\r\n+a\r\n`, (value) => value as Reply[], 41],
      ['a set', `~40\r\n${items.join('')}`, (value) => [...(value as Set<Reply>)], 40],
      ['a map', `%20\r\n${items.join('')}`, (value) => [...(value as Map<Reply, Reply>)], 20],
      [
        'with a push inside',
        `*40\r\n${items.join('').replace('$3\r\n120', '>2\r\n+p\r\n+q\r\n$3\r\n120')}`,
        (value) => value as Reply[],
        40,
      ],
    ];
  for (const [name, head, listed, size] of aggregates) {
    it(`${name} cut anywhere gives every item once, in order`, () => {
      const wire = `${head}+next\r\n`;
      const whole = new PartialReader();
      whole.feed(Buffer.from(wire), 0, wire.length);
      let expected = whole.read(UTF8, UTF8);
      if (whole.kind === 2) expected = whole.read(UTF8, UTF8);
      for (let piece = 1; piece <= wire.length; piece++) {
        const reader = new PartialReader();
        const seen: Reply[] = [];
        const rest: Reply[][] = [];
        for (let at = 0; at < wire.length; at += piece) {
          reader.feed(Buffer.from(wire), at, Math.min(wire.length, at + piece));
          for (let value = reader.read(UTF8, UTF8); reader.kind !== 3; value = reader.read(UTF8, UTF8)) {
            if (reader.kind === 2) continue;
            if (rest.length === 0) rest.push(listed(value as Reply));
            else assert.equal(value, 'next');
          }
          const part = rest.length === 0 ? reader.takeItems() : null;
          if (part !== null) {
            seen.push(...part.content);
            assert.equal(seen.length + (part.missing ?? 0), size);
          }
          reader.retain();
        }
        assert.deepEqual([...seen, ...rest.flat()], listed(expected as Reply), `pieces of ${piece}`);
      }
    });
  }
});
