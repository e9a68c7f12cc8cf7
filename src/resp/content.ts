import { isAscii, isUtf8 } from 'node:buffer';
import { latin1Text, utf8Text } from './native-slices.ts';
import { LATIN1, type TextMode, UTF8 } from './types.ts';

const BEYOND_LATIN1 = /[^\x00-\xff]/;

/** The bytes that a text encodes to, one character for each; null: the encoding cannot hold it. */
export function contentOf(text: string, mode: TextMode): string | null {
  if (mode === LATIN1) return BEYOND_LATIN1.test(text) ? null : text;
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 0x7f) return mode === UTF8 ? latin1Text(Buffer.from(text)) : null;
  }
  return text;
}

/** The text whose encoding these bytes are, or null. */
export function textOf(bytes: Uint8Array, mode: TextMode): string | null {
  if (mode === UTF8) return isUtf8(bytes) ? utf8Text(bytes) : null;
  return mode === LATIN1 || isAscii(bytes) ? latin1Text(bytes) : null;
}
