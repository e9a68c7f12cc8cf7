import { kind, RedisError, type RedisErrorOptions } from '../errors/errors.ts';
import { ReplyMap, ReplySet } from './reply-map.ts';
import type { Reply } from './types.ts';
import { bytesOfText } from './text.ts';
import { BYTES, type DecodeMode } from './text-modes.ts';

export interface DecodingErrorOptions extends RedisErrorOptions {
  reply: Reply;
}

/**
 * A reply was to be decoded and holds bytes that are not valid in the encoding. The command was executed; nothing of
 * its reply is lost.
 */
export class DecodingError extends RedisError {
  /** The whole reply, with bytes in place of text. Not enumerable, so that it shows in no log. */
  declare readonly reply: Reply;

  constructor(message: string, options: DecodingErrorOptions) {
    super(message, options);
    Object.defineProperty(this, 'reply', { value: options.reply });
  }
}
kind(DecodingError, 'DecodingError', 'RESPOOL_DECODING');

/** Whether a reply that was read as text holds bytes, because some text was invalid. */
export function holdsBytes(value: Reply): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Buffer.isBuffer(value)) return true;
  if (Array.isArray(value)) return value.some(holdsBytes);
  if (value instanceof Set) return [...value].some(holdsBytes);
  if (!(value instanceof Map)) return false;
  for (const [key, item] of value) if (holdsBytes(key) || holdsBytes(item)) return true;
  return false;
}

/** Replaces the text in a reply read with `mode` by its bytes; decoding is lossless. */
export function withBytes(value: Reply, mode: DecodeMode): Reply {
  if (typeof value === 'string') return mode === BYTES ? value : bytesOfText(value, mode);
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value;
  if (Array.isArray(value)) return value.map((item) => withBytes(item, mode));
  if (value instanceof Set) return new ReplySet([...value].map((item) => withBytes(item, mode)));
  if (!(value instanceof Map)) return value;
  return new ReplyMap(
    [...value].map(([key, item]) => [withBytes(key, mode), withBytes(item, mode)] as const),
  );
}
