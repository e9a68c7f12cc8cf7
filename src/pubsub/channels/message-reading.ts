import { bytesOfText, validText } from '../../resp/text.ts';
import { BYTES, textMode } from '../../resp/text-modes.ts';
import type { DecodeMode, TextEncoding, TextMode } from '../../resp/text-modes.ts';

/** A message as it arrived: bytes, or the pair of a pattern. */
export type RawMessage = Buffer | readonly [channel: Buffer, message: Buffer];

/** A message decoded by the connection. */
export type TextMessage = string | readonly [channel: Buffer, message: string];

export type MessageDecoder<T> = (message: Buffer | string) => T;

/** How a reader decodes messages. */
export interface Reading {
  readonly mode: typeof BYTES | TextMode;
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

/** Converts a message to the form that a channel's `putNowait` takes. */
export function rawMessage(message: TextMessage, mode: DecodeMode): RawMessage {
  return typeof message === 'string'
    ? bytesOfText(message, mode)
    : [message[0], bytesOfText(message[1], mode)];
}

/** Decodes a message for a reader; its decoder may throw. `mode`: how text was decoded. */
export function readMessage(raw: RawMessage | TextMessage, reading: Reading, mode: DecodeMode): unknown {
  if (Array.isArray(raw)) {
    const [name, message] = raw as readonly [Buffer, Buffer | string];
    return [name, readOne(message, reading, mode)];
  }
  return readOne(raw as Buffer | string, reading, mode);
}

function readOne(raw: Buffer | string, reading: Reading, mode: DecodeMode): unknown {
  if (typeof raw !== 'string') return readBytes(raw, reading);
  if (reading.mode !== mode) return readBytes(bytesOfText(raw, mode), reading);
  return reading.decoder === null ? raw : reading.decoder(raw);
}

function readBytes(bytes: Buffer, reading: Reading): unknown {
  // Invalid bytes stay bytes, because replacement characters would hide the content.
  const message = reading.mode === BYTES ? bytes : (validText(bytes, reading.mode) ?? bytes);
  return reading.decoder === null ? message : reading.decoder(message);
}
