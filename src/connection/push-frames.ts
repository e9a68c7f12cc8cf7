import { decodeText } from '../resp/text.ts';
import { ASCII, BYTES, type DecodeMode, LATIN1, type Reply } from '../resp/types.ts';

/** The bytes behind a string, whatever it was decoded with: decoding loses nothing. */
export function bytesOf(value: Reply | undefined, mode: DecodeMode): Buffer | null {
  if (typeof value === 'string')
    return Buffer.from(value, mode === LATIN1 || mode === ASCII ? 'latin1' : 'utf8');
  return Buffer.isBuffer(value) ? value : null;
}

/** A pub/sub frame that was decoded with `mode`, as bytes. */
export function frameBytes(frame: readonly Reply[], mode: DecodeMode): Reply[] {
  return frame.map((item) => bytesOf(item, mode) ?? item);
}

/** A frame of bytes as if it had been decoded with `mode`. */
export function frameIn(frame: Reply[], mode: DecodeMode): Reply[] {
  if (mode <= BYTES) return frame;
  const decoded = (item: Reply): Reply => {
    if (Buffer.isBuffer(item)) return decodeText(item, 0, item.length, mode);
    return Array.isArray(item) ? frameIn(item, mode) : item;
  };
  return frame.map(decoded);
}
