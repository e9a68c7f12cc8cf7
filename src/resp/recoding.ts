import { mapOfText, ReplyMap, ReplySet, setOfText } from './reply-map.ts';
import { bytesOfText, decodeText } from './text.ts';
import { BYTES, type DecodeMode, textOfMode } from './text-modes.ts';
import type { Reply } from './types.ts';

/** The bytes of a string that was decoded with `mode`; null if the value is no string. */
export function bytesOf(value: Reply | undefined, mode: DecodeMode): Buffer | null {
  if (typeof value === 'string') return bytesOfText(value, mode);
  return Buffer.isBuffer(value) ? value : null;
}

/** Turns the strings of a pub/sub frame, decoded with `mode`, back into bytes. */
export function frameBytes(frame: readonly Reply[], mode: DecodeMode): Reply[] {
  return frame.map((item) => bytesOf(item, mode) ?? item);
}

/** Decodes the bytes in a frame with `mode`. */
export function frameIn(frame: Reply[], mode: DecodeMode): Reply[] {
  return mode === BYTES ? frame : frame.map((item) => valueIn(item, mode));
}

/** Decodes a reply that was read as bytes; bytes that are not valid text stay bytes. */
export function valueIn(value: Reply, mode: DecodeMode): Reply {
  if (typeof value !== 'object') return value;
  if (Buffer.isBuffer(value)) return mode > BYTES ? decodeText(value, 0, value.length, mode) : value;
  if (Array.isArray(value)) return frameIn(value, mode);
  if (value instanceof Map) {
    const map = mapOfText(textOfMode(mode));
    for (const [key, item] of value) ReplyMap.append(map, valueIn(key, mode), valueIn(item, mode));
    return map;
  }
  if (!(value instanceof Set)) return value;
  const set = setOfText(textOfMode(mode));
  for (const member of value) ReplySet.append(set, valueIn(member, mode));
  return set;
}
