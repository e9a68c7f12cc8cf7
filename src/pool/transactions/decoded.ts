import { isUint8Array } from 'node:util/types';
import { textOf } from '../../resp/text.ts';
import { mapOfText, ReplyMap, ReplySet, setOfText } from '../../resp/reply-map.ts';
import type { Reply } from '../../resp/types.ts';
import { type DecodeMode, textOfMode } from '../../resp/text-modes.ts';

/** A reply that was read as bytes, with text in the place of the bytes that are valid in its encoding. */
export function asDecoded(value: Reply, mode: DecodeMode): Reply {
  if (mode <= 0 || typeof value !== 'object' || value === null || value instanceof Error) return value;
  const text = textOfMode(mode);
  if (isUint8Array(value)) return textOf(value, text) ?? value;
  if (Array.isArray(value)) return value.map((item) => asDecoded(item, mode));
  if (value instanceof ReplyMap) {
    const map = mapOfText(text);
    for (const [key, item] of value) map.set(asDecoded(key, mode), asDecoded(item, mode));
    return map;
  }
  if (!(value instanceof ReplySet)) return value;
  const set = setOfText(text);
  for (const item of value) set.add(asDecoded(item, mode));
  return set;
}
