import { fnv } from '../../base/fnv.ts';
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
      .get(fnv(bytes, start, end))
      ?.find((wish) => isNamed(wish, bytes, start, end, shard));
    if (found === undefined) return null;
    this.#last = found;
    return found;
  }

  add(wish: Wish): void {
    const at = fnv(wish.name);
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
