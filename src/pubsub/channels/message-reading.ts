import { isAscii, isUtf8 } from 'node:buffer';
import { ASCII, BYTES, LATIN1, textMode, UTF8 } from '../../resp/text-modes.ts';
import type { DecodeMode, TextEncoding } from '../../resp/text-modes.ts';

/** A message as it came: bytes, or the pair of a pattern. */
export type RawMessage = Buffer | readonly [channel: Buffer, message: Buffer];

export type MessageDecoder<T> = (message: Buffer | string) => T;

/** How the messages of one reader become values. */
export interface Reading {
  readonly mode: DecodeMode;
  readonly decoder: MessageDecoder<unknown> | null;
}

export function makeReading(
  encoding: TextEncoding | null | undefined,
  decoder: MessageDecoder<unknown> | null | undefined,
): Reading {
  const given = decoder ?? null;
  if (given !== null && typeof given !== 'function') throw new TypeError('decoder must be a function');
  return { mode: encoding === undefined || encoding === null ? BYTES : textMode(encoding), decoder: given };
}

/** Bytes that are not valid in the encoding stay bytes: replacement characters would hide what was sent. */
function textOf(bytes: Buffer, mode: DecodeMode): Buffer | string {
  switch (mode) {
    case UTF8:
      return isUtf8(bytes) ? bytes.toString('utf8') : bytes;
    case LATIN1:
      return bytes.toString('latin1');
    case ASCII:
      return isAscii(bytes) ? bytes.toString('latin1') : bytes;
    default:
      return bytes;
  }
}

/** The bytes of a message that was decoded with `mode`. Only valid text is decoded, so this is exact. */
export function bytesOf(message: Buffer | string, mode: DecodeMode): Buffer {
  return typeof message === 'string' ? Buffer.from(message, mode === UTF8 ? 'utf8' : 'latin1') : message;
}

/** Runs the reader's decoder, which may throw. `mode`: how text was decoded. */
export function readMessage(raw: RawMessage | string, reading: Reading, mode: DecodeMode): unknown {
  if (typeof raw === 'string') {
    if (reading.mode !== mode) return readBytes(bytesOf(raw, mode), reading);
    return reading.decoder === null ? raw : reading.decoder(raw);
  }
  if (Array.isArray(raw)) {
    const [name, message] = raw as readonly [Buffer, Buffer];
    return [name, readBytes(message, reading)];
  }
  return readBytes(raw as Buffer, reading);
}

function readBytes(bytes: Buffer, reading: Reading): unknown {
  const message = reading.mode === BYTES ? bytes : textOf(bytes, reading.mode);
  return reading.decoder === null ? message : reading.decoder(message);
}
