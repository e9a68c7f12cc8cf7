import { Buffer, constants, isAscii, isUtf8, transcode } from 'node:buffer';
import { endianness } from 'node:os';
import { latin1Text, privateCopy, utf16Text, utf8Text } from './decoding/native-slices.ts';
import { SHORT, shortText } from './decoding/short-text.ts';
import { ASCII, type DecodeMode, LATIN1, type TextMode, UTF8 } from './text-modes.ts';
import { MOST_BY_HAND, textByHand } from './decoding/utf8-by-hand.ts';

/** Before Node 24, text of `LONG` bytes or more that is not ASCII is decoded fastest through UTF-16. */
const SLOW_UTF8 = Number(process.versions.node.split('.')[0]) < 24 && endianness() === 'LE';
const LONG = SLOW_UTF8 ? MOST_BY_HAND : Infinity;
/** Between this and `LONG`, text that is not ASCII is decoded by `textByHand`; a few sampled bytes decide. */
const MIDDLE = SLOW_UTF8 ? 96 : Infinity;
const NOT_ASCII = 0x80;

/** Counts strings returned as bytes, because they are invalid in the encoding. */
export let undecoded = 0;

/** Decodes `bytes[start, end)`; returns a copy of invalid bytes. `mode` must be a text mode. */
export function decodeText(bytes: Buffer, start: number, end: number, mode: DecodeMode): string | Buffer {
  const count = end - start;
  if (count <= SHORT) {
    const text = shortText(bytes, start, count, mode === LATIN1 ? 0xff : 0x7f);
    if (text !== null) return text;
  }
  if (count >= LONG || mode !== UTF8) return longText(bytes, start, end, mode);
  if (count >= MIDDLE && looksForeign(bytes, start, count >> 3)) {
    return textByHand(bytes, start, end) ?? asBytes(bytes.subarray(start, end));
  }
  const text = utf8Text(bytes, start, end);
  // U+FFFD may have been sent as such; only then is the expensive check needed.
  if (!text.includes('\ufffd') || isUtf8(bytes.subarray(start, end))) return text;
  return asBytes(bytes.subarray(start, end));
}

function asBytes(bytes: Buffer): Buffer {
  undecoded++;
  return privateCopy(bytes);
}

/** Whether one of eight bytes, `step` apart, is not ASCII. */
function looksForeign(bytes: Buffer, start: number, step: number): boolean {
  let all = 0;
  for (let at = start, count = 0; count < 8; at += step, count++) all |= bytes[at]!;
  return all >= NOT_ASCII;
}

function longText(bytes: Buffer, start: number, end: number, mode: DecodeMode): string | Buffer {
  if (mode === LATIN1 && end - start <= constants.MAX_STRING_LENGTH) return latin1Text(bytes, start, end);
  const view = bytes.subarray(start, end);
  if (view.length <= constants.MAX_STRING_LENGTH) {
    if (isAscii(view)) return latin1Text(view);
    if (mode === UTF8 && isUtf8(view)) return utf16Text(transcode(view, 'utf8', 'utf16le'));
  }
  return asBytes(view);
}

/** Decodes the line of an error; invalid bytes are read as latin1. */
export function errorText(bytes: Buffer, start: number, end: number): string {
  const text = decodeText(bytes, start, end, UTF8);
  if (typeof text === 'string') return text;
  undecoded--;
  return latin1Text(text, 0, Math.min(text.length, 65536));
}

/** The text of bytes; null if they are invalid in the encoding. */
export function validText(bytes: Uint8Array, mode: TextMode): string | null {
  if (mode === UTF8) return isUtf8(bytes) ? utf8Text(bytes) : null;
  return mode === LATIN1 || isAscii(bytes) ? latin1Text(bytes) : null;
}

/** The bytes that a string was decoded from with `mode`; exact, because only valid text becomes a string. */
export function bytesOfText(text: string, mode: DecodeMode): Buffer {
  return Buffer.from(text, mode === LATIN1 || mode === ASCII ? 'latin1' : 'utf8');
}
