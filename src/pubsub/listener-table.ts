import type { Wish } from './wish.ts';

/** Wishes by the bytes of their names, without making a string or a Buffer of them. A cache: it may be cleared. */
export class ListenerTable {
  readonly #byHash = new Map<number, Wish[]>();
  /** Most messages follow one of their like. */
  #last: Wish | null = null;

  find(bytes: Buffer, start: number, end: number, shard: boolean): Wish | null {
    const last = this.#last;
    if (last !== null && isNamed(last, bytes, start, end, shard)) return last;
    const found = this.#byHash
      .get(hash(bytes, start, end))
      ?.find((wish) => isNamed(wish, bytes, start, end, shard));
    if (found === undefined) return null;
    this.#last = found;
    return found;
  }

  add(wish: Wish): void {
    const at = hash(wish.name, 0, wish.name.length);
    const wishes = this.#byHash.get(at);
    if (wishes === undefined) this.#byHash.set(at, [wish]);
    else wishes.push(wish);
    this.#last = wish;
  }

  clear(): void {
    this.#byHash.clear();
    this.#last = null;
  }
}

function isNamed(wish: Wish, bytes: Buffer, start: number, end: number, shard: boolean): boolean {
  const { name } = wish;
  if (name.length !== end - start || (wish.kind === 'shard') !== shard) return false;
  for (let at = 0; at < name.length; at++) if (name[at] !== bytes[start + at]) return false;
  return true;
}

/** FNV-1a. */
function hash(bytes: Uint8Array, start: number, end: number): number {
  let value = 0x811c9dc5;
  for (let at = start; at < end; at++) value = Math.imul(value ^ (bytes[at] as number), 0x01000193);
  return value;
}
