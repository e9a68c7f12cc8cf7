import { RedisError } from '../errors/errors.ts';
import { mapOfText, setOfText, textOfCollection } from '../resp/reply-map.ts';
import type { Reply } from '../resp/types.ts';
import { type TextMode, UTF8 } from '../resp/text-modes.ts';

/** Bytes counted for an entry besides its payload: its object, tables, list nodes and short names. */
export const ENTRY_BYTES = 64;

/** V8's strings end at about 2^29 characters. */
const LONGEST_STRING = 2 ** 28;

/**
 * A reply as the cache stores it. Bytes become a latin1 string, which cannot be changed, is smaller than a Buffer, and
 * pins no pool or read buffer.
 */
export type Stored = null | boolean | number | bigint | string | StoredBytes | StoredList | RedisError;

class StoredBytes {
  readonly content: string | Buffer;
  constructor(bytes: Uint8Array) {
    const copy = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.content = bytes.length > LONGEST_STRING ? Buffer.from(copy) : copy.toString('latin1');
  }
}
class StoredList {
  readonly kind: 'array' | 'map' | 'set';
  /** Items; for a map keys and values in turn. */
  readonly items: readonly Stored[];
  /** The encoding in which keys are looked up. */
  readonly text: TextMode;
  constructor(kind: 'array' | 'map' | 'set', items: readonly Stored[], text: TextMode) {
    this.kind = kind;
    this.items = items;
    this.text = text;
  }
}

/** Makes a private copy of a reply. */
export function store(value: Reply): Stored {
  if (typeof value !== 'object' || value === null || value instanceof RedisError) return value;
  if (Array.isArray(value)) return new StoredList('array', value.map(store), UTF8);
  if (value instanceof Map) {
    const items: Stored[] = [];
    for (const [key, held] of value) items.push(store(key), store(held));
    return new StoredList('map', items, textOfCollection(value));
  }
  if (value instanceof Set) {
    return new StoredList('set', [...value].map(store), textOfCollection(value));
  }
  return new StoredBytes(value);
}

/** The reply for a caller: shared if immutable, otherwise a copy. */
export function recall(stored: Stored): Reply {
  if (stored instanceof StoredBytes) return Buffer.from(stored.content as string, 'latin1');
  if (!(stored instanceof StoredList)) return stored;
  const { kind, items, text } = stored;
  if (kind === 'array') return items.map(recall);
  if (kind === 'set') {
    const set = setOfText(text);
    for (const item of items) set.add(recall(item));
    return set;
  }
  const map = mapOfText(text);
  for (let i = 0; i < items.length; i += 2)
    map.set(recall(items[i] as Stored), recall(items[i + 1] as Stored));
  return map;
}

/**
 * Bytes of memory of a payload: a string one byte per character, or two if one is beyond latin1; bytes their number;
 * other scalars 8; each member of an aggregate 16 more.
 */
export function payloadBytes(stored: Stored): number {
  if (typeof stored === 'string') return stringBytes(stored);
  if (stored instanceof StoredBytes) return stored.content.length;
  if (typeof stored === 'bigint') return 8 + Math.ceil(stored.toString(16).length / 2);
  if (stored instanceof RedisError) return stringBytes(stored.message);
  if (!(stored instanceof StoredList)) return 8;
  let total = 0;
  for (const item of stored.items) total += 16 + payloadBytes(item);
  return total;
}

const BEYOND_LATIN1 = /[^\u0000-\u00ff]/;

export function stringBytes(text: string): number {
  // Counting UTF-8 bytes is far faster than the search; equal lengths mean plain ASCII.
  if (Buffer.byteLength(text) === text.length) return text.length;
  return BEYOND_LATIN1.test(text) ? text.length * 2 : text.length;
}
