import { ReplyMap, ReplySet } from '../reply-map.ts';
import type { Reply } from '../types.ts';
import { BULK } from '../wire-types.ts';
import { Decoder } from './decoder.ts';
import { DEFAULT_LIMITS } from './decoder-limits.ts';
import type { Frame } from './frame.ts';

/** A part of a reply that is still arriving. */
export interface Part<T> {
  readonly content: T;
  /** Number of bytes or items still missing; null if unknown. */
  readonly missing: number | null;
}

/** Returns parts of a reply while it arrives, so that only the part since the last call is held. */
export class PartialReader extends Decoder {
  /** Allows strings of any length, or of `maxBulkLength` at most. */
  takeHuge(on: boolean): void {
    this.limits.maxBulkLength = on ? Number.MAX_SAFE_INTEGER : DEFAULT_LIMITS.maxBulkLength;
  }

  /** The new bytes of a string at top level, read as bytes; null if the reply is none, or no bytes have come. */
  takeBytes(): Part<Buffer> | null {
    const { body } = this;
    if (body === null || this.top !== null || this.bodyType !== BULK || body.length === 0) return null;
    const content = body.take();
    return { content, missing: body.missing };
  }

  /** The new complete items of an aggregate at top level, pairs for a map; null if the reply is none. */
  takeItems(): Part<Reply[]> | null {
    let root: Frame | null = this.top;
    while (root !== null && root.parent !== null) root = root.parent;
    if (root === null) return null;
    const { value, left, key } = root;
    const content = Array.isArray(value) ? value.splice(0) : emptied(value);
    if (content === null) return null;
    // Invalid text is returned as bytes.
    this.undecodable = false;
    const pairs = value instanceof ReplyMap;
    const missing = pairs ? (left + (key === undefined ? 0 : 1)) / 2 : left;
    return { content, missing: left < 0 ? null : missing };
  }
}

function emptied(value: Frame['value']): Reply[] | null {
  if (value instanceof ReplyMap || value instanceof ReplySet) {
    const items = value instanceof ReplyMap ? [...value.entries()] : [...value.values()];
    value.clear();
    return items;
  }
  return null;
}
