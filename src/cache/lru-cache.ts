import { inspect } from 'node:util';
import { nameClass } from '../base/classes.ts';
import { demandKnown } from '../base/known-options.ts';
import { AbstractCache, type CacheStatistics, type CacheSummary } from '../interfaces/abstract-cache.ts';
import { RedisError } from '../errors/errors.ts';
import type { RedisValue, Reply } from '../resp/types.ts';
import { cacheField, cacheKey } from './cache-key.ts';
import { ENTRY_BYTES, payloadBytes, recall, store, stringBytes } from './stored-reply.ts';
import type { Stored } from './stored-reply.ts';

export interface LRUCacheOptions {
  /** The most keys that are held; default 4,096 if `maxBytes` is absent too. */
  maxKeys?: number | null | undefined;
  /** The most bytes that are held: payload, and 64 for each entry; default: no limit. */
  maxBytes?: number | null | undefined;
  /**
   * The longest life of an entry in ms; default 60,000. A server invalidates an expired key only when it
   * removes it.
   */
  maxAge?: number | null | undefined;
  /** 0 to 100: the percentage of hits that are served without a check; default 100. */
  confidence?: number | undefined;
  /** Checked hits change the confidence: wrong ones lower it, right ones raise it; default false. */
  dynamicConfidence?: boolean | undefined;
}

const OPTIONS = new Set(['maxKeys', 'maxBytes', 'maxAge', 'confidence', 'dynamicConfidence']);
const DEFAULT_KEYS = 4096;
const DEFAULT_AGE = 60_000;
/** Bytes of names included in an entry's fixed 64 bytes; longer names are counted. */
const FREE_NAME_BYTES = 32;

/**
 * Totals since the cache was made; `bytes` is what it holds now. Counting by key would need a second cache.
 */
export class CacheStats implements CacheStatistics {
  hits = 0;
  misses = 0;
  dirtyHits = 0;
  invalidations = 0;
  evictions = 0;
  /** Cacheable reads that went to the server without a look-up. */
  bypassed = 0;
  bytes = 0;

  get summary(): CacheSummary & { readonly dirtyHits: number; readonly bypassed: number } {
    const { hits, misses, dirtyHits, invalidations, evictions, bypassed, bytes } = this;
    return { hits, misses, dirtyHits, invalidations, evictions, bypassed, bytes };
  }

  toJSON(): CacheSummary {
    return this.summary;
  }
}

/** A node of at most one list. */
class RecencyNode {
  newer: RecencyNode | null = null;
  older: RecencyNode | null = null;
}

/** A doubly linked list of nodes, from the most to the least recently used. */
class RecencyList<N extends RecencyNode> {
  #newest: RecencyNode | null = null;
  #oldest: RecencyNode | null = null;

  get oldest(): N | null {
    return this.#oldest as N | null;
  }

  add(node: N): void {
    node.older = this.#newest;
    if (this.#newest === null) this.#oldest = node;
    else this.#newest.newer = node;
    this.#newest = node;
  }

  remove(node: N): void {
    if (node.newer === null) this.#newest = node.older;
    else node.newer.older = node.older;
    if (node.older === null) this.#oldest = node.newer;
    else node.older.newer = node.newer;
    node.newer = null;
    node.older = null;
  }

  touch(node: N): void {
    if (this.#newest === node) return;
    this.remove(node);
    this.add(node);
  }

  clear(): void {
    this.#newest = null;
    this.#oldest = null;
  }
}

/** The reply to one command with its arguments. */
class Entry {
  field = '';
  value: Stored = null;
  bytes = 0;
  expires = 0;
}

/** The entries of one key. Most keys have one, so the oldest entry needs no table. */
class KeyNode extends RecencyNode {
  key = '';
  first: Entry | null = null;
  more: Map<string, Entry> | null = null;
  bytes = 0;
  find(field: string): Entry | undefined {
    if (this.first !== null && this.first.field === field) return this.first;
    return this.more?.get(field);
  }
  add(entry: Entry): void {
    this.bytes += entry.bytes;
    if (this.first === null) this.first = entry;
    else (this.more ??= new Map()).set(entry.field, entry);
  }
  remove(entry: Entry): void {
    this.bytes -= entry.bytes;
    if (this.first !== entry) {
      this.more?.delete(entry.field);
      return;
    }
    this.first = null;
    for (const next of this.more?.values() ?? []) {
      this.first = next;
      this.more?.delete(next.field);
      return;
    }
  }
}

/**
 * Replies in memory, the least recently used keys dropped first. Bounded by keys and by bytes: after every
 * call it holds no more than `maxBytes`, and a reply that is larger is not kept.
 *
 * @example ConnectionPool.fromUrl(url, { cache: new LRUCache({ maxKeys: 10_000 }) })
 */
export class LRUCache extends AbstractCache {
  static {
    nameClass(this, 'LRUCache');
  }

  readonly #maxKeys: number;
  readonly #maxBytes: number;
  readonly #maxAge: number;
  readonly #initialConfidence: number;
  readonly #dynamic: boolean;
  readonly #stats = new CacheStats();
  readonly #keys = new Map<string, KeyNode>();
  readonly #recency = new RecencyList<KeyNode>();
  #confidence: number;
  /**
   * The last dropped node, for reuse: if keys come and go, old tables would refer to new nodes, which would live longer
   * than needed.
   */
  #spareNode: KeyNode | null = null;
  #spareEntry: Entry | null = null;

  constructor(options: LRUCacheOptions = {}) {
    super();
    demandKnown(options, OPTIONS, 'LRUCache');
    const { maxKeys, maxBytes, maxAge = DEFAULT_AGE, confidence = 100, dynamicConfidence = false } = options;
    this.#maxBytes = limit('maxBytes', maxBytes ?? null, false);
    const keys = maxKeys === undefined && this.#maxBytes === Infinity ? DEFAULT_KEYS : (maxKeys ?? null);
    this.#maxKeys = limit('maxKeys', keys, true);
    this.#maxAge = limit('maxAge', maxAge, false);
    if (!(typeof confidence === 'number' && confidence >= 0 && confidence <= 100)) {
      throw new TypeError('confidence must be a number from 0 to 100');
    }
    if (typeof dynamicConfidence !== 'boolean')
      throw new TypeError('dynamicConfidence must be true or false');
    this.#initialConfidence = confidence;
    this.#confidence = confidence;
    this.#dynamic = dynamicConfidence;
  }

  override passedBy(): void {
    this.#stats.bypassed++;
  }
  get stats(): CacheStats {
    return this.#stats;
  }
  get confidence(): number {
    return this.#confidence;
  }
  get healthy(): boolean {
    return true;
  }
  /** The keys held now. */
  get size(): number {
    return this.#keys.size;
  }

  override toString(): string {
    const { bytes, hits, misses } = this.#stats;
    return `LRUCache<keys=${this.size}, bytes=${bytes}, hits=${hits}, misses=${misses}>`;
  }
  toJSON(): Record<string, unknown> {
    return { type: 'LRUCache', keys: this.size, stats: this.#stats };
  }
  [inspect.custom](): string {
    return this.toString();
  }

  get(command: string, key: string | Uint8Array, ...args: RedisValue[]): Reply | undefined {
    const node = this.#keys.get(cacheKey(key));
    const entry = node?.find(cacheField(command, args));
    if (node === undefined || entry === undefined) {
      this.#stats.misses++;
      return undefined;
    }
    if (entry.expires <= this.now()) {
      this.#removeEntry(node, entry);
      this.#stats.misses++;
      return undefined;
    }
    this.#recency.touch(node);
    this.#stats.hits++;
    return recall(entry.value);
  }

  put(command: string, key: string | Uint8Array, args: readonly RedisValue[], value: Reply): void {
    const name = cacheKey(key);
    const field = cacheField(command, args);
    let node = this.#keys.get(name);
    const old = node?.find(field);
    if (node !== undefined && old !== undefined) this.#removeEntry(node, old);
    if (value === undefined || value instanceof RedisError) return;
    const stored = store(value);
    const names = Math.max(0, stringBytes(name) + stringBytes(field) - FREE_NAME_BYTES);
    const bytes = ENTRY_BYTES + payloadBytes(stored) + names;
    if (bytes > this.#maxBytes) return;
    node = this.#keys.get(name);
    if (node === undefined) node = this.#addNode(name);
    else this.#recency.touch(node);
    node.add(this.#entry(field, stored, bytes));
    this.#stats.bytes += bytes;
    this.#evict(node);
  }

  invalidate(...keys: (string | Uint8Array)[]): void {
    for (const key of keys) {
      this.#stats.invalidations++;
      const node = this.#keys.get(cacheKey(key));
      if (node !== undefined) this.#removeNode(node);
    }
  }

  /** Empties it and restores the initial confidence; the totals stay. */
  reset(): void {
    this.#keys.clear();
    this.#recency.clear();
    this.#stats.bytes = 0;
    this.#confidence = this.#initialConfidence;
  }

  feedback(_command: string, key: string | Uint8Array, _args: readonly RedisValue[], match: boolean): void {
    if (!match) {
      this.#stats.dirtyHits++;
      this.invalidate(key);
    }
    if (!this.#dynamic) return;
    this.#confidence = match ? Math.min(100, this.#confidence * 1.0001) : this.#confidence * 0.999;
  }

  /** Monotonic milliseconds. */
  protected now(): number {
    return performance.now();
  }

  #addNode(name: string): KeyNode {
    const oldest = this.#keys.size >= this.#maxKeys ? this.#recency.oldest : null;
    if (oldest !== null) {
      this.#removeNode(oldest);
      this.#stats.evictions++;
    }
    const node = this.#spareNode ?? new KeyNode();
    this.#spareNode = null;
    node.key = name;
    this.#keys.set(name, node);
    this.#recency.add(node);
    return node;
  }

  #entry(field: string, value: Stored, bytes: number): Entry {
    const entry = this.#spareEntry ?? new Entry();
    this.#spareEntry = null;
    entry.field = field;
    entry.value = value;
    entry.bytes = bytes;
    // A small integer needs no allocation.
    entry.expires = Math.floor(this.now() + this.#maxAge);
    return entry;
  }

  #evict(newest: KeyNode): void {
    while (this.#keys.size > this.#maxKeys || this.#stats.bytes > this.#maxBytes) {
      const oldest = this.#recency.oldest;
      if (oldest === null) return;
      if (oldest === newest) {
        // A single key is too large: drop its oldest entry.
        this.#removeEntry(newest, newest.first as Entry);
      } else {
        this.#removeNode(oldest);
        this.#stats.evictions++;
      }
    }
  }

  #removeEntry(node: KeyNode, entry: Entry): void {
    node.remove(entry);
    this.#stats.bytes -= entry.bytes;
    if (node.first === null) this.#removeNode(node);
  }

  #removeNode(node: KeyNode): void {
    this.#stats.bytes -= node.bytes;
    this.#keys.delete(node.key);
    this.#recency.remove(node);
    if (node.first !== null) {
      node.first.value = null;
      this.#spareEntry = node.first;
    }
    node.first = null;
    node.more = null;
    node.bytes = 0;
    node.key = '';
    this.#spareNode = node;
  }
}

function limit(name: string, value: number | null, whole: boolean): number {
  if (value === null) return Infinity;
  const valid = typeof value === 'number' && Number.isFinite(value) && value > 0;
  if (valid && (!whole || Number.isInteger(value))) return value;
  throw new TypeError(`${name} must be a${whole ? ' whole' : ''} number above 0, or null for no limit`);
}
