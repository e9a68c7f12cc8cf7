import { isUint8Array } from 'node:util/types';
import { encodeWords, type Openings, textContent } from '../resp/encoder.ts';
import { byteCount, latin1Text } from '../resp/decoding/native-slices.ts';
import { type TextMode, UTF8 } from '../resp/text-modes.ts';
import type { RedisValue } from '../resp/types.ts';
import { findEntry } from './catalogue.ts';
import type { CommandEntry } from './catalogue.ts';
import { CONTAINER, UNKNOWN } from './flags.ts';
import type { KeySpec } from './key-specs.ts';

/**
 * A command in one spelling, with its traits. All calls with the same spelling share one object, so that the hot path
 * only reads fields of one shape.
 */
export class CommandInfo {
  /** The name in upper case, with its subcommand: `CLIENT SETNAME`. Never an argument. */
  readonly name: string;
  /** The words of the command string as spelled; words outside ASCII as bytes. */
  readonly words: readonly (string | Uint8Array)[];
  /** The wire form of `words` as latin1 text. */
  readonly encoded: string;
  /** A cache of the encoder. */
  readonly openings: Openings = [];
  /** Number of words in `encoded`, without the arguments. */
  readonly count: number;
  /** Bits of flags.ts. */
  readonly flags: number;
  /** Where the keys are; null if the command is unknown. */
  readonly keySpecs: readonly KeySpec[] | null;
  /** Number of words of the name. The arguments proper follow, in `words` or after them. */
  readonly nameLength: number;
  /** Index of the only key in the arguments, for commands that always have one key there; otherwise -1. */
  readonly soleKey: number;
  /** For a CONTAINER: its subcommands, added at their first use. */
  readonly variants: Map<string, CommandInfo> | null;

  constructor(
    entry: CommandEntry | undefined,
    name: string,
    words: readonly (string | Uint8Array)[],
    encoded: string,
  ) {
    const container = entry !== undefined && entry.subcommands !== null && words.length === 1;
    this.name = name;
    this.words = words;
    this.encoded = encoded;
    this.count = words.length;
    this.flags = (entry?.flags ?? UNKNOWN) | (container ? CONTAINER : 0);
    this.keySpecs = entry?.keySpecs ?? null;
    this.nameLength = name.includes(' ') ? 2 : 1;
    this.soleKey = soleKeyOf(this);
    this.variants = container ? new Map() : null;
  }
}

function soleKeyOf({ name, keySpecs, count, words }: CommandInfo): number {
  const [spec, more] = keySpecs ?? [];
  // SORT and MIGRATE have keys that no key spec describes.
  if (spec === undefined || more !== undefined || name === 'SORT' || name === 'MIGRATE') return -1;
  if (spec.keyword === null && spec.counted) {
    // The words say that there is one key: `EVALSHA <sha> 1`.
    const [number, first] = [spec.start + spec.last, spec.start + spec.limit];
    return number < count && first === count && words[number] === '1' ? 0 : -1;
  }
  const sole = spec.keyword === null && !spec.counted && spec.last === 0 && spec.start >= count;
  return sole ? spec.start - count : -1;
}

/** How many unusual spellings are kept. Plain spellings of known commands always stay. */
const MAX_SPELLINGS = 2000;
const LONGEST_SPELLING = 64;
const LONGEST_NAME = 64;

const spellings = new Map<string, CommandInfo>();
const forgettable: string[] = [];
let oldest = 0;
/** The last spelling used. Callers often repeat a command, and a comparison is cheaper than a look-up. */
let latest = '';
let latestInfo: CommandInfo | null = null;
/** V8 copies slices up to this length; a longer slice would keep its whole source string alive. */
const NEVER_A_PART = 12;

/**
 * The command of a call; throws `TypeError` if `command` is not one. `args` give the subcommand if `command` does not.
 * `text`: the encoding of its words.
 */
export function resolveCommand(
  command: string | Uint8Array,
  args: readonly RedisValue[],
  text: TextMode = UTF8,
): CommandInfo {
  const info = (command === latest ? latestInfo : null) ?? look(command, text);
  return (info.flags & CONTAINER) === 0 ? info : withSubcommand(info, args[0]);
}

function look(command: string | Uint8Array, text: TextMode): CommandInfo {
  if (typeof command !== 'string') return readSpelling(command, text);
  const known = spellings.get(command);
  if (known === undefined) return readSpelling(command, text);
  if (command.length <= NEVER_A_PART) {
    latest = command;
    latestInfo = known;
  }
  return known;
}

function withSubcommand(info: CommandInfo, argument: RedisValue | undefined): CommandInfo {
  if (typeof argument === 'string') {
    return info.variants!.get(argument) ?? variantOf(info, argument);
  }
  if (!isUint8Array(argument)) return info;
  return variantOf(info, latin1Text(argument, 0, Math.min(byteCount(argument), LONGEST_NAME + 1)));
}

function variantOf(info: CommandInfo, spelled: string): CommandInfo {
  const subcommand = canonical(spelled);
  const known = info.variants!.get(subcommand);
  if (known !== undefined) return known;
  const entry = findEntry(info.name)?.subcommands?.get(subcommand);
  if (entry === undefined) return info;
  const variant = new CommandInfo(entry, entry.name, info.words, info.encoded);
  info.variants!.set(subcommand, variant);
  return variant;
}

function readSpelling(command: string | Uint8Array, mode: TextMode): CommandInfo {
  if (typeof command === 'string') {
    if (isAscii(command)) return readText(command);
    return readBytes(Buffer.from(textContent(command, mode, 'a command'), 'latin1'));
  }
  if (!isUint8Array(command)) {
    throw new TypeError(`a command is a string or bytes, not ${command === null ? 'null' : typeof command}`);
  }
  const text = latin1Text(command);
  return isAscii(text) ? (spellings.get(text) ?? readText(text)) : readBytes(command);
}

function readText(text: string): CommandInfo {
  // Copy the text: a slice would keep the caller's whole string alive.
  const spelling = text.length <= LONGEST_SPELLING ? Buffer.from(text, 'latin1').toString('latin1') : text;
  const head = encodeWords(spelling);
  const info = describe(head.words, head.encoded);
  if (text.length <= LONGEST_SPELLING) remember(spelling, info);
  return info;
}

/** Parses a name outside ASCII every time: no known command has one, and its bytes depend on the encoding. */
function readBytes(bytes: Uint8Array): CommandInfo {
  const words = latin1Text(bytes)
    .split(/[ \t\n\v\f\r]+/)
    .filter((word) => word !== '');
  const mixed = words.map((word) => (isAscii(word) ? word : Buffer.from(word, 'latin1')));
  return describe(mixed, encodeWords(bytes).encoded);
}

function describe(words: readonly (string | Uint8Array)[], encoded: string): CommandInfo {
  const first = canonical(words[0]!);
  const entry = findEntry(first);
  const subcommand = words.length > 1 ? entry?.subcommands?.get(canonical(words[1]!)) : undefined;
  if (subcommand !== undefined) return new CommandInfo(subcommand, subcommand.name, words, encoded);
  return new CommandInfo(entry, first, words, encoded);
}

function remember(spelling: string, info: CommandInfo): void {
  const known = info.keySpecs !== null && (spelling === info.name || spelling === info.name.toLowerCase());
  if (!known) {
    const forgotten = forgettable[oldest];
    if (forgotten !== undefined) spellings.delete(forgotten);
    if (forgotten === latest) latestInfo = null;
    forgettable[oldest] = spelling;
    oldest = (oldest + 1) % MAX_SPELLINGS;
  }
  spellings.set(spelling, info);
}

/** Drops the spellings of a command after it was learned. */
export function forgetSpellings(name: string): void {
  for (const [spelling, info] of spellings) if (info.name === name) spellings.delete(spelling);
  latest = '';
  latestInfo = null;
}

/** Normalizes a name as servers do: case does not matter, and some servers ignore everything from a NUL on. */
function canonical(word: string | Uint8Array): string {
  const text = (typeof word === 'string' ? word : latin1Text(word)).slice(0, LONGEST_NAME);
  const end = text.indexOf('\0');
  return (end < 0 ? text : text.slice(0, end)).toUpperCase();
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}
