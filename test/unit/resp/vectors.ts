import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { InvalidResponse, RedisError } from '../../../src/errors/errors.ts';
import { Decoder, INCOMPLETE } from '../../../src/resp/decoding/decoder.ts';
import { ReplyMap, ReplySet } from '../../../src/resp/reply-map.ts';
import type { Reply } from '../../../src/resp/types.ts';
import type { DecodeMode } from '../../../src/resp/text-modes.ts';

export interface Expected {
  type?: string;
  value?: unknown;
  base64?: string;
  length?: number;
  sha256?: string;
  items?: Expected[];
  pairs?: [Expected, Expected][];
  replies?: Expected[];
  bits?: string;
  incomplete?: boolean;
  error?: boolean;
  after?: Expected[];
}
export interface Vector {
  name: string;
  kind: string;
  bytesBase64: string;
  expect: Expected;
  alsoAccept?: Expected[];
  maxHeapDelta?: number;
}

export const vectors = (
  JSON.parse(readFileSync(`${process.cwd()}/test/fixtures/resp-vectors.json`, 'utf8')) as {
    vectors: Vector[];
  }
).vectors;

/** The outcome of decoding some bytes. */
export interface Outcome {
  messages: { kind: number; value: Reply }[];
  error: InvalidResponse | null;
  idle: boolean;
}

/** Feeds the pieces as a connection would: each in memory that is overwritten afterwards. */
export function decodeAll(pieces: readonly Uint8Array[], mode: DecodeMode, decoder = new Decoder()): Outcome {
  const messages: { kind: number; value: Reply }[] = [];
  const slab = Buffer.alloc(Math.max(64, ...pieces.map((piece) => piece.length)) + 8, 0x7a);
  for (const piece of pieces) {
    slab.set(piece, 3);
    decoder.feed(slab, 3, 3 + piece.length);
    try {
      for (let value = decoder.read(mode, 0); value !== INCOMPLETE; value = decoder.read(mode, 0)) {
        messages.push({ kind: decoder.kind, value });
      }
    } catch (error) {
      if (!(error instanceof InvalidResponse)) throw error;
      return { messages, error, idle: decoder.idle };
    }
    decoder.retain();
    slab.fill(0x2b);
  }
  return { messages, error: null, idle: decoder.idle };
}

/** A value in a form that is compared as text; byte strings and text of the same bytes are equal. */
export function shown(value: Reply): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return shown(Buffer.from(value));
  if (Buffer.isBuffer(value)) {
    return `s:${value.length > 4096 ? createHash('sha256').update(value).digest('hex') : value.toString('base64')}`;
  }
  if (typeof value === 'number' || typeof value === 'bigint')
    return Object.is(value, -0) ? 'n:-0' : `n:${value}`;
  if (typeof value === 'boolean') return `b:${value}`;
  if (value instanceof RedisError) return `e:${value.code}`;
  if (value instanceof ReplyMap)
    return `%[${[...value].map(([k, v]) => `${shown(k)}=>${shown(v)}`).join(',')}]`;
  if (value instanceof ReplySet) return `~[${[...value].map(shown).join(',')}]`;
  return `*[${value.map(shown).join(',')}]`;
}

function double(expected: Expected): string {
  if (expected.bits === undefined) return 'n:NaN';
  const number = Buffer.from(expected.bits, 'hex').readDoubleBE();
  return Object.is(number, -0) ? 'n:-0' : `n:${number}`;
}

/** The same form of a vector's expectation; maps and sets with their duplicates joined. */
export function wanted(expected: Expected, code: (text: string) => string): string {
  switch (expected.type) {
    case 'null':
      return 'null';
    case 'boolean':
      return `b:${expected.value as boolean}`;
    case 'number':
    case 'bignumber':
      return `n:${BigInt(expected.value as string)}`;
    case 'double':
      return double(expected);
    case 'error':
      return `e:${code(Buffer.from(expected.base64 ?? '', 'base64').toString())}`;
    case 'string':
    case 'verbatim':
      return `s:${expected.base64 ?? expected.sha256}`;
    case 'attributed':
      return wanted(expected.value as Expected, code);
    case 'map': {
      const map = new Map(expected.pairs?.map(([k, v]) => [wanted(k, code), wanted(v, code)]));
      return `%[${[...map].map(([k, v]) => `${k}=>${v}`).join(',')}]`;
    }
    case 'set':
      return `~[${[...new Set(expected.items?.map((item) => wanted(item, code)))].join(',')}]`;
    default:
      return `*[${(expected.items ?? []).map((item) => wanted(item, code)).join(',')}]`;
  }
}
