import { mapOfText, ReplyMap, ReplySet, setOfText } from '../../resp/reply-map.ts';
import { decodeText } from '../../resp/text.ts';
import type { Reply } from '../../resp/types.ts';
import { ASCII, BYTES, type DecodeMode, LATIN1, textOfMode } from '../../resp/text-modes.ts';

/** The bytes a string was decoded from; decoding with `mode` is lossless. */
export function bytesOf(value: Reply | undefined, mode: DecodeMode): Buffer | null {
  if (typeof value === 'string')
    return Buffer.from(value, mode === LATIN1 || mode === ASCII ? 'latin1' : 'utf8');
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

function valueIn(value: Reply, mode: DecodeMode): Reply {
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
