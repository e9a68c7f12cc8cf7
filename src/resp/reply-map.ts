import { nameClass } from '../base/classes.ts';
import { isUint8Array } from 'node:util/types';
import { contentOf } from './encoder.ts';
import { validText } from './text.ts';
import { latin1Text } from './decoding/native-slices.ts';
import type { Reply } from './types.ts';
import { type TextMode, UTF8 } from './text-modes.ts';

/**
 * Byte keys by content: the bytes as latin1 text → the key object in the collection. `null`: no byte keys. `UNSORTED`:
 * entries were appended from the wire, and the first use builds the index.
 */
type ByteIndex = Map<string, unknown>;
const UNSORTED: ByteIndex = new Map();

const mapSet = Map.prototype.set;
const setAdd = Set.prototype.add;

/** The key in the collection that equals `key`; otherwise `key` itself. */
function heldKey(key: unknown, index: ByteIndex | null, mode: TextMode): unknown {
  if (typeof key === 'string') {
    const content = index === null ? null : contentOf(key, mode);
    return content === null ? key : (index?.get(content) ?? key);
  }
  if (!isUint8Array(key)) return key;
  const held = index?.get(latin1Text(key));
  return held ?? validText(key, mode) ?? key;
}

let textOfMap: (map: ReplyMap) => TextMode;
let setTextOfMap: (map: ReplyMap, text: TextMode) => void;
let textOfSet: (set: ReplySet) => TextMode;
let setTextOfSet: (set: ReplySet, text: TextMode) => void;

/**
 * A map of the server. Keys are found by content: text finds the bytes it encodes to, and the reverse.
 *
 * @example
 * const user = await pool.execute('HGETALL', 'user:1');
 * user.get('name');
 * user.toObject();
 */
export class ReplyMap<K = Reply, V = Reply> extends Map<K, V> {
  static {
    nameClass(this, 'ReplyMap');
  }

  #index: ByteIndex | null = null;
  #text: TextMode = UTF8;

  static {
    textOfMap = (map) => map.#text;
    setTextOfMap = (map, text) => {
      map.#text = text;
    };
  }

  constructor(entries?: Iterable<readonly [Reply, Reply]> | null) {
    super();
    if (entries) for (const [key, value] of entries) this.set(key as K, value as V);
  }

  /** @internal Adds an entry from the wire; equal byte keys are joined at the first use. */
  static append(map: ReplyMap, key: Reply, value: Reply): void {
    mapSet.call(map, key, value);
    if (typeof key === 'object' && isUint8Array(key)) map.#index = UNSORTED;
  }

  #sorted(): ByteIndex | null {
    if (this.#index !== UNSORTED) return this.#index;
    const index: ByteIndex = new Map();
    this.#index = index;
    for (const [key, value] of super.entries()) {
      if (!isUint8Array(key)) continue;
      const content = latin1Text(key);
      const held = index.get(content);
      if (held === undefined) {
        index.set(content, key);
      } else {
        super.set(held as K, value);
        super.delete(key);
      }
    }
    return index;
  }

  override get(key: K | Reply | Uint8Array): V | undefined {
    if (this.#index === null && typeof key !== 'object') return super.get(key as K);
    return super.get(heldKey(key, this.#sorted(), this.#text) as K);
  }

  override has(key: K | Reply | Uint8Array): boolean {
    if (this.#index === null && typeof key !== 'object') return super.has(key as K);
    return super.has(heldKey(key, this.#sorted(), this.#text) as K);
  }

  override set(key: K, value: V): this {
    if (this.#index === null && typeof key !== 'object') return super.set(key, value);
    const index = this.#sorted();
    const held = heldKey(key, index, this.#text) as K;
    if (isUint8Array(key) && held !== key && super.has(held)) return super.set(held, value);
    if (!isUint8Array(key)) return super.set(held, value);
    (this.#index ??= new Map()).set(latin1Text(key), key);
    return super.set(key, value);
  }

  override delete(key: K | Reply | Uint8Array): boolean {
    if (this.#index === null && typeof key !== 'object') return super.delete(key as K);
    const index = this.#sorted();
    const held = heldKey(key, index, this.#text) as K;
    if (index !== null && isUint8Array(held)) index.delete(latin1Text(held));
    return super.delete(held);
  }

  override clear(): void {
    this.#index = null;
    super.clear();
  }

  override get size(): number {
    this.#sorted();
    return super.size;
  }

  override entries(): ReturnType<Map<K, V>['entries']> {
    this.#sorted();
    return super.entries();
  }

  override keys(): ReturnType<Map<K, V>['keys']> {
    this.#sorted();
    return super.keys();
  }

  override values(): ReturnType<Map<K, V>['values']> {
    this.#sorted();
    return super.values();
  }

  override [Symbol.iterator](): ReturnType<Map<K, V>['entries']> {
    return this.entries();
  }

  override forEach(visit: (value: V, key: K, map: Map<K, V>) => void, self?: unknown): void {
    this.#sorted();
    super.forEach(visit, self);
  }

  /** A plain object by the text of the keys; bytes that are no text of the connection's encoding are latin1. */
  toObject(): Record<string, V> {
    const entries = [...this].map(([key, value]) => [keyText(key, this.#text), value] as const);
    return Object.fromEntries(entries);
  }

  /** An object when every key is text, else pairs. */
  toJSON(): Record<string, V> | [K, V][] {
    const entries = [...this];
    return entries.every(([key]) => typeof key === 'string') ? this.toObject() : entries;
  }
}

/** A set of the server. Members are found by content: text finds the bytes it encodes to, and the reverse. */
export class ReplySet<V = Reply> extends Set<V> {
  static {
    nameClass(this, 'ReplySet');
  }

  #index: ByteIndex | null = null;
  #text: TextMode = UTF8;

  static {
    textOfSet = (set) => set.#text;
    setTextOfSet = (set, text) => {
      set.#text = text;
    };
  }

  constructor(members?: Iterable<Reply> | null) {
    super();
    if (members) for (const member of members) this.add(member as V);
  }

  /** @internal Adds a member from the wire; equal byte members are joined at the first use. */
  static append(set: ReplySet, member: Reply): void {
    setAdd.call(set, member);
    if (typeof member === 'object' && isUint8Array(member)) set.#index = UNSORTED;
  }

  #sorted(): ByteIndex | null {
    if (this.#index !== UNSORTED) return this.#index;
    const index: ByteIndex = new Map();
    this.#index = index;
    for (const member of super.values()) {
      if (!isUint8Array(member)) continue;
      const content = latin1Text(member);
      if (index.has(content)) super.delete(member);
      else index.set(content, member);
    }
    return index;
  }

  override has(value: V | Reply | Uint8Array): boolean {
    if (this.#index === null && typeof value !== 'object') return super.has(value as V);
    return super.has(heldKey(value, this.#sorted(), this.#text) as V);
  }

  override add(value: V): this {
    if (this.#index === null && typeof value !== 'object') return super.add(value);
    const held = heldKey(value, this.#sorted(), this.#text) as V;
    if (super.has(held)) return this;
    if (isUint8Array(value)) (this.#index ??= new Map()).set(latin1Text(value), value);
    return super.add(value);
  }

  override delete(value: V | Reply | Uint8Array): boolean {
    if (this.#index === null && typeof value !== 'object') return super.delete(value as V);
    const index = this.#sorted();
    const held = heldKey(value, index, this.#text) as V;
    if (index !== null && isUint8Array(held)) index.delete(latin1Text(held));
    return super.delete(held);
  }

  override clear(): void {
    this.#index = null;
    super.clear();
  }

  override get size(): number {
    this.#sorted();
    return super.size;
  }

  override entries(): ReturnType<Set<V>['entries']> {
    this.#sorted();
    return super.entries();
  }

  override keys(): ReturnType<Set<V>['keys']> {
    return this.values();
  }

  override values(): ReturnType<Set<V>['values']> {
    this.#sorted();
    return super.values();
  }

  override [Symbol.iterator](): ReturnType<Set<V>['values']> {
    return this.values();
  }

  override forEach(visit: (value: V, again: V, set: Set<V>) => void, self?: unknown): void {
    this.#sorted();
    super.forEach(visit, self);
  }

  /** The members as an array. */
  toJSON(): V[] {
    return [...this];
  }
}

/** A key of a reply as a property name. */
function keyText(key: unknown, mode: TextMode): string {
  if (isUint8Array(key)) return validText(key, mode) ?? latin1Text(key);
  return typeof key === 'string' || typeof key === 'bigint'
    ? String(key)
    : JSON.stringify(key, (_, value) => (typeof value === 'bigint' ? String(value) : value));
}

/** Makes an empty map with that text encoding. */
export function mapOfText(text: TextMode): ReplyMap {
  const map = new ReplyMap();
  if (text !== UTF8) setTextOfMap(map, text);
  return map;
}

/** Makes an empty set with that text encoding. */
export function setOfText(text: TextMode): ReplySet {
  const set = new ReplySet();
  if (text !== UTF8) setTextOfSet(set, text);
  return set;
}

/** The text encoding of a collection. */
export function textOfCollection(collection: Map<Reply, Reply> | Set<Reply>): TextMode {
  if (collection instanceof ReplyMap) return textOfMap(collection);
  return collection instanceof ReplySet ? textOfSet(collection) : UTF8;
}
