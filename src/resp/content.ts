import { Buffer, isAscii, isUtf8 } from 'node:buffer';
import { latin1Text, utf8Text } from './decoding/native-slices.ts';
import { LATIN1, type TextMode, UTF8 } from './text-modes.ts';

/** Up to this many characters a loop finds what is not ASCII as fast as a call into C++. */
const SHORT = 8;
const BEYOND_LATIN1 = /[^\x00-\xff]/;

/** Whether every character is ASCII. */
export function allAscii(text: string): boolean {
  const { length } = text;
  if (length > SHORT) return Buffer.byteLength(text) === length;
  for (let at = 0; at < length; at++) if (text.charCodeAt(at) > 0x7f) return false;
  return true;
}

/** The bytes that a text encodes to, one character for each; null: the encoding cannot hold it. */
export function contentOf(text: string, mode: TextMode): string | null {
  if (mode === LATIN1) return BEYOND_LATIN1.test(text) ? null : text;
  if (allAscii(text)) return text;
  return mode === UTF8 ? latin1Text(Buffer.from(text)) : null;
}

/** The text whose encoding these bytes are, or null. */
export function textOf(bytes: Uint8Array, mode: TextMode): string | null {
  if (mode === UTF8) return isUtf8(bytes) ? utf8Text(bytes) : null;
  return mode === LATIN1 || isAscii(bytes) ? latin1Text(bytes) : null;
}
