import { Buffer } from 'node:buffer';
import { takeBytes } from './native-slices.ts';

/** Below this a block is cheaper to make than to keep. */
export const SMALLEST = 16 * 1024;
const LARGEST = 4 * 1024 * 1024 + 64 * 1024;
/** Bytes that wait for their next use. */
const KEPT = 8 * 1024 * 1024;

class Blocks {
  readonly bySize = new Map<number, ArrayBuffer[]>();
  bytes = 0;
}

/** Made here: nothing else is taken back, least of all the runtime's own pool. */
const made = new WeakSet<ArrayBufferLike>();
/** Spare blocks are held weakly: the collector may free them at any time. */
let waiting = new WeakRef(new Blocks());

/** Four sizes to each power of two. */
function sizeClass(size: number): number {
  const step = 1 << (29 - Math.clz32(size - 1));
  return Math.ceil(size / step) * step;
}

/**
 * Memory for bytes that never leave the package. Fresh memory of that size is dear: the system has to clear each page
 * of it, and the engine runs a full collection for every few megabytes.
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
