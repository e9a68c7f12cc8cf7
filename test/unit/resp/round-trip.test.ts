import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { InvalidResponse } from '../../../src/errors/errors.ts';
import { Decoder } from '../../../src/resp/decoding/decoder.ts';
import { ReplyMap, ReplySet } from '../../../src/resp/reply-map.ts';
import type { Reply } from '../../../src/resp/types.ts';
import { decodeAll, shown, vectors } from './vectors.ts';

/** A value together with one way to send it. */
interface Sent {
  value: Reply;
  wire: string;
}
const CRLF = '\r\n';
const latin1 = (text: string | Buffer): string => Buffer.from(text as string).toString('latin1');

const string = fc
  .oneof(
    fc.string({ unit: 'grapheme', maxLength: 40 }),
    fc.string({ maxLength: 3000 }),
    fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes)),
  )
  .chain((body) => {
    const bytes = latin1(body);
    const whole = `${bytes.length}${CRLF}${bytes}${CRLF}`;
    const forms = [
      `$${whole}`,
      `=${bytes.length + 4}${CRLF}txt:${bytes}${CRLF}`,
      `$?${CRLF}${[bytes.slice(0, 2), bytes.slice(2)]
        .filter((part) => part !== '')
        .map((part) => `;${part.length}${CRLF}${part}${CRLF}`)
        .join('')};0${CRLF}`,
    ];
    if (!/[\r\n]/.test(bytes)) forms.push(`+${bytes}${CRLF}`);
    return fc.constantFrom(...forms).map((wire): Sent => ({ value: Buffer.from(bytes, 'latin1'), wire }));
  });
const scalar: fc.Arbitrary<Sent> = fc.oneof(
  string,
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((n) => ({
    value: Number.isSafeInteger(Number(n)) ? Number(n) : n,
    wire: `:${n}${CRLF}`,
  })),
  fc.bigInt().map((n) => ({ value: n, wire: `(${n}${CRLF}` })),
  fc.double().map((n) => ({
    value: n,
    wire: `,${Object.is(n, -0) ? '-0' : String(n).replace('Infinity', 'inf').toLowerCase()}${CRLF}`,
  })),
  fc.boolean().map((b) => ({ value: b, wire: `#${b ? 't' : 'f'}${CRLF}` })),
  fc.constantFrom(`_${CRLF}`, `$-1${CRLF}`, `*-1${CRLF}`).map((wire) => ({ value: null, wire })),
);

function aggregate(type: string, streamed: boolean, count: number, parts: readonly Sent[]): string {
  const body = parts.map((part) => part.wire).join('');
  return streamed ? `${type}?${CRLF}${body}.${CRLF}` : `${type}${count}${CRLF}${body}`;
}

const { value: anyValue } = fc.letrec<{ value: Sent }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    fc.tuple(fc.array(tie('value'), { maxLength: 8 }), fc.boolean()).map(([items, streamed]) => ({
      value: items.map((item) => item.value),
      wire: aggregate('*', streamed, items.length, items),
    })),
    fc
      .tuple(fc.array(fc.tuple(scalar, tie('value')), { maxLength: 6 }), fc.boolean())
      .map(([pairs, streamed]) => ({
        value: new ReplyMap(pairs.map(([key, item]) => [key.value, item.value] as const)),
        wire: aggregate('%', streamed, pairs.length, pairs.flat()),
      })),
    fc.tuple(fc.array(scalar, { maxLength: 6 }), fc.boolean()).map(([items, streamed]) => ({
      value: new ReplySet(items.map((item) => item.value)),
      wire: aggregate('~', streamed, items.length, items),
    })),
    fc.tuple(scalar, tie('value')).map(([note, item]) => ({
      value: item.value,
      wire: `|1${CRLF}+note${CRLF}${note.wire}${item.wire}`,
    })),
  ),
}));

function cutAt(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const edges = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return edges
    .slice(1)
    .map((edge, i) => bytes.subarray(edges[i]!, edge))
    .filter((piece) => piece.length > 0);
}

test('any replies, cut anywhere, are read as they were sent, in bytes and as text', () => {
  const many = fc.array(anyValue, { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(many, fc.array(fc.nat(), { maxLength: 12 }), (sent, cuts) => {
      const bytes = Buffer.from(sent.map((one) => one.wire).join(''), 'latin1');
      for (const mode of [0, 1] as const) {
        const outcome = decodeAll(cutAt(bytes, cuts), mode);
        assert.equal(outcome.error, null);
        assert.ok(outcome.idle);
        assert.deepEqual(
          outcome.messages.map(({ value }) => shown(value)),
          sent.map(({ value }) => shown(value)),
        );
      }
    }),
    { numRuns: 400 },
  );
});

test('damaged bytes end in a value, a wait or InvalidResponse, the same for every cut', () => {
  const corpus = vectors
    .map((vector) => Buffer.from(vector.bytesBase64, 'base64'))
    .filter((bytes) => bytes.length < 500);
  const damage = fc.array(
    fc.tuple(fc.nat(), fc.nat({ max: 255 }), fc.constantFrom('set', 'drop', 'insert')),
    { maxLength: 4 },
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...corpus),
      damage,
      fc.array(fc.nat(), { maxLength: 6 }),
      (sample, edits, cuts) => {
        const bytes = [...sample];
        for (const [at, byte, how] of edits) {
          const index = at % (bytes.length + 1);
          if (how === 'drop') bytes.splice(index, 1);
          else bytes.splice(index, how === 'set' ? 1 : 0, byte);
        }
        const input = Buffer.from(bytes);
        const read = (pieces: Buffer[]): string => {
          const { messages, error } = decodeAll(pieces, 1, new Decoder({ maxBulkLength: 1 << 20 }));
          assert.ok(error === null || error instanceof InvalidResponse);
          return JSON.stringify([
            messages.map(({ kind, value }) => `${kind} ${shown(value)}`),
            error === null,
          ]);
        };
        const whole = read([input]);
        assert.equal(read(cutAt(input, cuts)), whole);
        assert.equal(read(Array.from(input, (_, at) => input.subarray(at, at + 1))), whole);
      },
    ),
    { numRuns: 3000 },
  );
});
