import { isUtf8 } from 'node:buffer';
import { isUint8Array } from 'node:util/types';
import { numberText } from '../commands/arguments.ts';
import type { CommandInfo } from '../commands/command-info.ts';
import { CACHEABLE } from '../commands/flags.ts';
import { byteCount, latin1Text, utf8Text } from '../resp/decoding/native-slices.ts';
import { type TextMode, UTF8 } from '../resp/text-modes.ts';
import type { RedisValue } from '../resp/types.ts';

/** Part of the language since ES2024, and of every supported runtime. */
type WellFormed = { toWellFormed(): string };

/** Starts the form of a key whose bytes are no text; no text encodes to what starts with a lone surrogate. */
const NO_TEXT = '\uDC00';

/**
 * The one key of a call whose reply may be cached; null when it may not. A command string that holds more
 * than the command is not cached: its arguments are not where a cache looks for them.
 */
export function cachedKeyOf(info: CommandInfo, args: readonly RedisValue[]): string | Uint8Array | null {
  if ((info.flags & CACHEABLE) === 0 || info.count !== 1 || args.length === 0) return null;
  if (info.name === 'EXISTS' && args.length !== 1) return null;
  const key = args[0]!;
  return typeof key === 'string' || isUint8Array(key) ? key : numberText(key);
}

/** A key as the server gets it. The cache takes text for UTF-8, as the server's invalidations are. */
export function keyAsSent(key: string | Uint8Array, mode: TextMode): string | Uint8Array {
  return typeof key !== 'string' || mode === UTF8 ? key : Buffer.from(key, 'latin1');
}

/**
 * One form for text and bytes of a key: the text, where the bytes are one. A lone surrogate is encoded as
 * U+FFFD, so it is that here as well.
 */
export function cacheKey(key: string | Uint8Array): string {
  if (typeof key === 'string') return (key as unknown as WellFormed).toWellFormed();
  return isUtf8(key) ? utf8Text(key) : NO_TEXT + latin1Text(key);
}

/** A key of that form. */
export function keyOfForm(form: string): string | Buffer {
  return form.startsWith(NO_TEXT) ? Buffer.from(form.slice(NO_TEXT.length), 'latin1') : form;
}

/**
 * One form for a command and its further arguments. Lengths and types are part of it, so that no two lists
 * share a form; text and bytes of an argument are told apart.
 */
export function cacheField(command: string, args: readonly RedisValue[]): string {
  const name = command.toUpperCase();
  if (args.length === 0) return name;
  let field = name;
  for (const arg of args) field += argumentForm(arg);
  return field;
}

function argumentForm(arg: RedisValue): string {
  if (typeof arg === 'string') return `\0s${arg.length}:${arg}`;
  if (isUint8Array(arg)) return `\0b${byteCount(arg)}:${latin1Text(arg)}`;
  return Object.is(arg, -0) ? '\0n-0' : `\0n${String(arg)}`;
}
