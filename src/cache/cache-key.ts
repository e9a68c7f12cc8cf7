import { isUtf8 } from 'node:buffer';
import { isUint8Array } from 'node:util/types';
import { numberText } from '../commands/arguments.ts';
import type { CommandInfo } from '../commands/command-info.ts';
import { CACHEABLE } from '../commands/flags.ts';
import { byteCount, latin1Text, utf8Text } from '../resp/decoding/native-slices.ts';
import { type TextMode, UTF8 } from '../resp/text-modes.ts';
import type { RedisValue } from '../resp/types.ts';

/** ES2024; every supported runtime has it. */
/** A key of Redis, as text or bytes. */
export type Key = string | Uint8Array;

type WellFormed = { toWellFormed(): string };

/** Prefix of keys that are not valid UTF-8. It cannot collide, because valid text never has a lone surrogate. */
const NO_TEXT = '\uDC00';

/**
 * The key of a call whose reply may be cached; null if it may not. A command string that contains arguments is not
 * cached, because a cache would not find them.
 */
export function cachedKeyOf(info: CommandInfo, args: readonly RedisValue[]): Key | null {
  if ((info.flags & CACHEABLE) === 0 || info.count !== 1 || args.length === 0) return null;
  if (info.name === 'EXISTS' && args.length !== 1) return null;
  const key = args[0]!;
  return typeof key === 'string' || isUint8Array(key) ? key : numberText(key);
}

/** The key as the server gets it. The cache takes strings as UTF-8, so keys in other encodings become bytes. */
export function keyAsSent(key: Key, mode: TextMode): Key {
  return typeof key !== 'string' || mode === UTF8 ? key : Buffer.from(key, 'latin1');
}

/**
 * The same form for a key given as text or as bytes: text if the bytes are valid UTF-8. A lone surrogate becomes
 * U+FFFD, as it does when it is sent.
 */
export function cacheKey(key: Key): string {
  if (typeof key === 'string') return (key as unknown as WellFormed).toWellFormed();
  return isUtf8(key) ? utf8Text(key) : NO_TEXT + latin1Text(key);
}

/** The key of a form made by `cacheKey`. */
export function keyOfForm(form: string): string | Buffer {
  return form.startsWith(NO_TEXT) ? Buffer.from(form.slice(NO_TEXT.length), 'latin1') : form;
}

/**
 * A string that identifies a command and its further arguments. It includes lengths and types, so that different lists
 * never share a form; text and bytes differ.
 */
export function cacheField(command: string, args: readonly RedisValue[]): string {
  let field = upperCase(command);
  for (const arg of args) field += argumentForm(arg);
  return field;
}

let latest = '';
let latestUpper = '';

/** Most calls are of the command of the call before: to compare the two costs less than a call of the engine. */
function upperCase(command: string): string {
  if (command !== latest) {
    latestUpper = command.toUpperCase();
    latest = command;
  }
  return latestUpper;
}

function argumentForm(arg: RedisValue): string {
  if (typeof arg === 'string') return `\0s${arg.length}:${arg}`;
  if (isUint8Array(arg)) return `\0b${byteCount(arg)}:${latin1Text(arg)}`;
  return Object.is(arg, -0) ? '\0n-0' : `\0n${String(arg)}`;
}
