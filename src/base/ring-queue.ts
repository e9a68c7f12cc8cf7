const SMALL = 16;
const LARGE = 1024;

/**
 * A first-in-first-out queue in a ring whose size is a power of two. It doubles when full, clears shifted slots, and
 * frees a large ring once it is empty. Its fields are public for speed, because every message passes through it; only
 * this class writes them.
 */
export class RingQueue<T> {
  length = 0;
  head = 0;
  mask = SMALL - 1;
  slots: (T | undefined)[] = new Array<T | undefined>(SMALL).fill(undefined);

  push(item: T): void {
    if (this.length > this.mask) this.grow();
    this.slots[(this.head + this.length) & this.mask] = item;
    this.length++;
  }

  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const head = this.head;
    const item = this.slots[head];
    this.slots[head] = undefined;
    this.head = (head + 1) & this.mask;
    this.length--;
    if (this.length === 0 && this.mask >= LARGE) this.clear();
    return item;
  }

  peek(): T | undefined {
    return this.slots[this.head];
  }

  /** The item `index` places behind the head, or undefined. */
  at(index: number): T | undefined {
    return index >= 0 && index < this.length ? this.slots[(this.head + index) & this.mask] : undefined;
  }

  clear(): void {
    this.slots = new Array<T | undefined>(SMALL).fill(undefined);
    this.mask = SMALL - 1;
    this.head = 0;
    this.length = 0;
  }

  grow(): void {
    this.slots = doubled(this.slots, this.head, this.length);
    this.mask = this.slots.length - 1;
    this.head = 0;
  }
}

/** The slots of a ring of twice the size, with its `length` items from index 0 on. */
export function doubled<T>(slots: readonly T[], head: number, length: number): (T | undefined)[] {
  const size = slots.length;
  const grown = new Array<T | undefined>(size * 2).fill(undefined);
  for (let index = 0; index < length; index++) grown[index] = slots[(head + index) & (size - 1)];
  return grown;
}
