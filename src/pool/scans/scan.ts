import { inspect } from 'node:util';
import { isUint8Array } from 'node:util/types';
import { checkSignal } from '../../base/deadline.ts';
import { demandKnown } from '../../base/known-options.ts';
import type { RedisValue, Reply } from '../../resp/types.ts';

/** Options of `hscan`, `sscan` and `zscan`. */
export interface ScanOptions {
  /** A pattern: the scan gives only matching elements. Default: all. */
  match?: string | Uint8Array | undefined;
  /** About how many elements the server looks at in one step; default: the server's (10). */
  count?: number | undefined;
  /** Ends the scan, which throws its reason. */
  signal?: AbortSignal | undefined;
}
/** Options of `scan`. */
export interface KeyScanOptions extends ScanOptions {
  /** Only keys of this type, such as `'hash'` (see the command `TYPE`). Default: all keys. */
  type?: string | undefined;
}

/** Gives elements one by one, or in pages by `pages()`. Each iteration is a new scan. */
export interface Scan<T> extends AsyncIterable<T> {
  /** The elements of each server step; never an empty array. */
  pages(): AsyncIterable<T[]>;
}

const OF_SCAN: ReadonlySet<string> = new Set(['match', 'count', 'signal']);
const OF_KEYS: ReadonlySet<string> = new Set([...OF_SCAN, 'type']);

/** Throws `TypeError` for an unknown or invalid option; returns the signal. */
export function checkScanOptions(options: KeyScanOptions, ofKeys: boolean): AbortSignal | null {
  demandKnown(options, ofKeys ? OF_KEYS : OF_SCAN, 'a scan');
  const { match, count, type } = options;
  if (match !== undefined && typeof match !== 'string' && !isUint8Array(match))
    throw new TypeError('match must be text or bytes');
  if (count !== undefined && !(Number.isSafeInteger(count) && count > 0))
    throw new TypeError('count must be an integer of at least 1');
  if (type !== undefined && (typeof type !== 'string' || type === ''))
    throw new TypeError('type must be the name of a type');
  return checkSignal('signal', options.signal);
}

/** The arguments after the cursor. */
export function scanArguments({ match, count, type }: KeyScanOptions): RedisValue[] {
  return [
    ...(match === undefined ? [] : ['MATCH', match]),
    ...(count === undefined ? [] : ['COUNT', count]),
    ...(type === undefined ? [] : ['TYPE', type]),
  ];
}

/** A `Scan` over pages of replies; `read` turns each page into elements. */
export class PagedScan<T> implements Scan<T> {
  readonly #pages: () => AsyncIterable<Reply[]>;
  readonly #read: (page: Reply[]) => T[];

  constructor(pages: () => AsyncIterable<Reply[]>, read: (page: Reply[]) => T[]) {
    this.#pages = pages;
    this.#read = read;
  }

  /** Shows no state, because each iteration is a scan of its own, and no pattern, because it may hold a value. */
  [inspect.custom](): string {
    return 'Scan<>';
  }

  async *pages(): AsyncGenerator<T[], void, undefined> {
    for await (const page of this.#pages()) if (page.length > 0) yield this.#read(page);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for await (const page of this.#pages()) yield* this.#read(page);
  }
}

/** Makes pairs of a flat list of names and values. */
export function pairsOf(page: Reply[]): [Reply, Reply][] {
  const pairs: [Reply, Reply][] = [];
  for (let index = 0; index + 1 < page.length; index += 2) pairs.push([page[index]!, page[index + 1]!]);
  return pairs;
}

/** Makes pairs of a flat list of members and scores. */
export function scoresOf(page: Reply[]): [Reply, number][] {
  return pairsOf(page).map(([member, score]) => [member, scoreOf(score)]);
}

function scoreOf(score: Reply): number {
  const text = String(score);
  if (text === 'inf' || text === '+inf') return Number.POSITIVE_INFINITY;
  return text === '-inf' ? Number.NEGATIVE_INFINITY : Number(text);
}
