import { Buffer } from 'node:buffer';
import { isUint8Array } from 'node:util/types';
import { byteCount, isDetached, latin1Text, putBytes } from './decoding/native-slices.ts';
import { takeMemory } from './decoding/spare-memory.ts';
import { LATIN1, type TextMode, UTF8 } from './text-modes.ts';
import type { RedisValue } from './types.ts';
import { CR, LF } from './wire-types.ts';

/** Bytes to send. Strings are latin1, one character per byte; a `Buffer` is private and never changes. */
export type Wire = string | readonly (string | Buffer)[];

/** The encoded words of a command, which precede its arguments. */
export interface CommandHead {
  readonly words: readonly string[];
  readonly count: number;
  readonly encoded: string;
  readonly openings: Openings;
}

/** Cached text up to the content of the first argument, for few arguments and a short first one. */
export type Openings = (string | undefined)[];

/** Bytes up to this size become part of the string; larger ones are separate pieces. */
const SMALL_BYTES = 1024;
/** A string piece ends at this many characters, far below V8's limit. */
const PIECE = 1 << 20;
const KNOWN_COMMANDS = 512;
/** Up to this many characters a loop finds non-ASCII characters as fast as a call into C++. */
const QUICK = 8;
const BEYOND_LATIN1 = /[^\x00-\xff]/;
/** Openings are cached for up to this many arguments, and for a first argument below `SHORT` bytes. */
const FEW = 3;
const SHORT = 48;

/** `$n\r\n` for small n: the head of the first argument. */
const FIRST = Array.from({ length: 1024 }, (_, length) => `$${length}\r\n`);
/** As `FIRST`, with the end of the previous argument, which saves a concatenation. */
const NEXT = FIRST.map((first) => `\r\n${first}`);
/** `*n\r\n` for small n. */
const ARRAY = Array.from({ length: 64 }, (_, count) => `*${count}\r\n`);

const knownHeads = new Map<string, CommandHead>();

/** Splits a command on whitespace, text as UTF-8; throws `TypeError` for an empty one. */
export function encodeWords(command: string | Uint8Array): CommandHead {
  if (typeof command !== 'string') {
    if (!isUint8Array(command)) {
      throw new TypeError(`a command must be a string or bytes, not ${typeName(command)}`);
    }
    return splitWords(latin1Text(command), LATIN1);
  }
  const known = knownHeads.get(command);
  if (known !== undefined) return known;
  const head = splitWords(command, UTF8);
  // Bound the cache, because command strings may contain values.
  if (knownHeads.size >= KNOWN_COMMANDS) knownHeads.clear();
  if (command.length <= 64) knownHeads.set(command, head);
  return head;
}

function splitWords(command: string, mode: 1 | 2): CommandHead {
  const words = command.split(/[ \t\n\v\f\r]+/).filter((word) => word !== '');
  if (words.length === 0) throw new TypeError('a command must have at least one word');
  let encoded = '';
  for (const word of words) {
    const bytes = mode === UTF8 && !allAscii(word) ? latin1Text(Buffer.from(word)) : word;
    encoded += `$${bytes.length}\r\n${bytes}\r\n`;
  }
  return { words, count: words.length, encoded, openings: [] };
}

/** Encodes a command; throws a `TypeError` that names the index of a bad argument. */
export function encodeCommand(
  head: Pick<CommandHead, 'count' | 'encoded' | 'openings'>,
  args: readonly RedisValue[],
  mode: TextMode,
): Wire {
  const { length } = args;
  if (length === 0) return arrayHead(head, 0);
  let text = '';
  let pieces: (string | Buffer)[] | null = null;
  for (let index = 0; index < length; index++) {
    const value: RedisValue = args[index]!;
    let chars: string | Uint8Array;
    if (typeof value === 'string') {
      chars = allAscii(value) ? value : encodeText(value, mode, index);
    } else if (typeof value === 'number') {
      chars = encodeNumber(value, index);
    } else if (typeof value === 'bigint') {
      chars = value.toString();
    } else if (isUint8Array(value)) {
      chars = encodeBytes(value, index);
    } else {
      const type = typeName(value);
      throw new TypeError(
        `argument ${index} of a command must be text, bytes, a number or bigint, not ${type}`,
      );
    }
    const size = typeof chars === 'string' ? chars.length : byteCount(chars);
    if (index === 0) text = opening(head, length, size);
    else text += size < NEXT.length ? NEXT[size]! : `\r\n$${size}\r\n`;
    if (typeof chars === 'string' && size < PIECE) {
      text += chars;
      if (text.length < PIECE) continue;
      (pieces ??= []).push(text);
    } else if (typeof chars === 'string') {
      (pieces ??= []).push(text, chars);
    } else {
      const last = index === length - 1;
      (pieces ??= []).push(framed(text, chars, size, last));
      if (last) return pieces;
    }
    text = '';
  }
  text += '\r\n';
  if (pieces === null) return text;
  pieces.push(text);
  return pieces;
}

function arrayHead({ count, encoded }: Pick<CommandHead, 'count' | 'encoded'>, length: number): string {
  const total = count + length;
  return (total < ARRAY.length ? ARRAY[total]! : `*${total}\r\n`) + encoded;
}

/** The text before the first argument's content; cached for frequent commands. */
function opening(
  head: Pick<CommandHead, 'count' | 'encoded' | 'openings'>,
  length: number,
  size: number,
): string {
  if (length > FEW || size >= SHORT) return `${arrayHead(head, length)}$${size}\r\n`;
  const key = (length - 1) * SHORT + size;
  // Make a flat string: V8 would flatten a concatenated one again at every write.
  return (head.openings[key] ??= latin1Text(Buffer.from(arrayHead(head, length) + FIRST[size]!, 'latin1')));
}

/** Copies large bytes together with the text before them and the end of the command, for a single write. */
function framed(text: string, bytes: Uint8Array, size: number, last: boolean): Buffer {
  const start = text.length;
  const whole = takeMemory(start + size + (last ? 2 : 0));
  whole.write(text, 0, 'latin1');
  putBytes(whole, bytes, start);
  if (last) {
    whole[start + size] = CR;
    whole[start + size + 1] = LF;
  }
  return whole;
}

/** Encodes text that is not ASCII. */
function encodeText(text: string, mode: TextMode, index: number): string | Buffer {
  if (mode === UTF8) {
    const bytes = Buffer.from(text);
    return bytes.length <= SMALL_BYTES ? latin1Text(bytes) : bytes;
  }
  return textContent(text, mode, `argument ${index} of a command`);
}

/** Encodes text to bytes in latin1; throws `TypeError` if the encoding cannot hold it. */
export function textContent(text: string, mode: TextMode, what: string): string {
  const content = contentOf(text, mode);
  if (content !== null) return content;
  const encoding = mode === LATIN1 ? 'latin1' : 'ascii';
  throw new TypeError(`${what} has a character that ${encoding} cannot hold`);
}

/** Whether every character is ASCII. */
function allAscii(text: string): boolean {
  const { length } = text;
  if (length > QUICK) return Buffer.byteLength(text) === length;
  for (let at = 0; at < length; at++) if (text.charCodeAt(at) > 0x7f) return false;
  return true;
}

/** The encoded bytes of a text as latin1; null if the encoding cannot hold it. */
export function contentOf(text: string, mode: TextMode): string | null {
  if (mode === LATIN1) return BEYOND_LATIN1.test(text) ? null : text;
  if (allAscii(text)) return text;
  return mode === UTF8 ? latin1Text(Buffer.from(text)) : null;
}

function encodeBytes(value: Uint8Array, index: number): string | Uint8Array {
  const count = byteCount(value);
  if (count === 0 && isDetached(value)) {
    throw new TypeError(`argument ${index} of a command is a detached buffer`);
  }
  return count <= SMALL_BYTES ? latin1Text(value) : value;
}

function encodeNumber(value: number, index: number): string {
  if (value !== 0 && value - value === 0) return `${value}`;
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  if (value !== value) throw new TypeError(`argument ${index} of a command must not be NaN`);
  return value > 0 ? 'inf' : '-inf';
}

/** Names the type of a value for an error, which must not show the value. */
function typeName(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

/** The number of bytes of a wire form. */
export function wireLength(wire: Wire): number {
  if (typeof wire === 'string') return wire.length;
  let total = 0;
  for (const piece of wire) total += piece.length;
  return total;
}
