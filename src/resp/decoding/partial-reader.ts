import { ReplyMap, ReplySet } from '../reply-map.ts';
import type { Reply } from '../types.ts';
import { BULK } from '../wire-types.ts';
import { Decoder } from './decoder.ts';
import { DEFAULT_LIMITS } from './decoder-limits.ts';
import type { Frame } from './frame.ts';

/** A part of a reply that is still arriving. */
export interface Part<T> {
  readonly content: T;
  /** Bytes or items that are still missing; null: the server does not say. */
  readonly missing: number | null;
}

/** Gives parts of a reply away while it arrives, so that no more of it is held than has come since. */
export class PartialReader extends Decoder {
  /** Strings of any length, or of `maxBulkLength` at most. */
  takeHuge(on: boolean): void {
    this.limits.maxBulkLength = on ? Number.MAX_SAFE_INTEGER : DEFAULT_LIMITS.maxBulkLength;
  }

  /** The bytes so far of a string at top level, read as bytes; null where the reply is none, or none have come. */
  takeBytes(): Part<Buffer> | null {
    const { body } = this;
    if (body === null || this.top !== null || this.bodyType !== BULK || body.length === 0) return null;
    const content = body.take();
    return { content, missing: body.missing };
  }

  /** The whole items so far of an aggregate at top level; those of a map as pairs. Null where the reply is none. */
  takeItems(): Part<Reply[]> | null {
    let root: Frame | null = this.top;
    while (root !== null && root.parent !== null) root = root.parent;
    if (root === null) return null;
    const { value, left, key } = root;
    const content = Array.isArray(value) ? value.splice(0) : emptied(value);
    if (content === null) return null;
    // Whatever was bytes instead of text is given away as such.
    this.spoiled = false;
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
