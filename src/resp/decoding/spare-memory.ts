import { Buffer } from 'node:buffer';
import { takeBytes } from './native-slices.ts';

/** Smaller blocks are cheaper to allocate than to keep. */
export const SMALLEST = 16 * 1024;
const LARGEST = 4 * 1024 * 1024 + 64 * 1024;
/** Most bytes kept for reuse. */
const KEPT = 8 * 1024 * 1024;

class Blocks {
  readonly bySize = new Map<number, ArrayBuffer[]>();
  bytes = 0;
}

/** Blocks allocated here; no other memory is taken back, least of all Node's pool. */
const made = new WeakSet<ArrayBufferLike>();
/** Spare blocks are held weakly: the collector may free them at any time. */
let waiting = new WeakRef(new Blocks());

/** Rounds up to a size class; there are four for each power of two. */
function sizeClass(size: number): number {
  const step = 1 << (29 - Math.clz32(size - 1));
  return Math.ceil(size / step) * step;
}

/**
 * Allocates memory for bytes that never leave the package. Fresh memory of that size is expensive: the system clears
 * each page, and V8 runs a full collection every few megabytes.
 */
export function takeMemory(size: number): Buffer {
  if (size < SMALLEST || size > LARGEST) return takeBytes(size);
  const capacity = sizeClass(size);
  const blocks = waiting.deref();
  const known = blocks?.bySize.get(capacity)?.pop();
  if (blocks !== undefined && known !== undefined) {
    blocks.bytes -= capacity;
    return Buffer.from(known, 0, size);
  }
  const fresh = Buffer.allocUnsafeSlow(capacity).buffer as ArrayBuffer;
  made.add(fresh);
  return Buffer.from(fresh, 0, size);
}

/** Returns memory of `takeMemory`; the caller guarantees that it is no longer read or written. */
export function giveMemory(bytes: Uint8Array): void {
  const block = bytes.buffer as ArrayBuffer;
  const capacity = block.byteLength;
  if (capacity < SMALLEST || !made.has(block)) return;
  let blocks = waiting.deref();
  if (blocks === undefined) {
    blocks = new Blocks();
    waiting = new WeakRef(blocks);
  }
  if (blocks.bytes + capacity > KEPT) return;
  const alike = blocks.bySize.get(capacity);
  if (alike === undefined) blocks.bySize.set(capacity, [block]);
  else alike.push(block);
  blocks.bytes += capacity;
}
