import { isUint8Array } from 'node:util/types';
import { textOf } from '../../resp/content.ts';
import { ReplyMap, ReplySet } from '../../resp/reply-map.ts';
import type { Reply } from '../../resp/types.ts';
import { type DecodeMode, textOfMode } from '../../resp/text-modes.ts';

/** A reply that was read as bytes, with text in the place of the bytes that are valid in its encoding. */
export function asDecoded(value: Reply, mode: DecodeMode): Reply {
  if (mode <= 0 || typeof value !== 'object' || value === null || value instanceof Error) return value;
  if (isUint8Array(value)) return textOf(value, textOfMode(mode)) ?? value;
  if (Array.isArray(value)) return value.map((item) => asDecoded(item, mode));
  if (value instanceof ReplyMap)
    return new ReplyMap([...value].map(([key, item]) => [asDecoded(key, mode), asDecoded(item, mode)]));
  if (value instanceof ReplySet) return new ReplySet([...value].map((item) => asDecoded(item, mode)));
  return value;
}
