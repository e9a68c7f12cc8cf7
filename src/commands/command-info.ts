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
 * A command as one caller spelled it, and what is known of it. One object per spelling is shared by all
 * calls, so that the hot path reads fields of one shape and computes nothing.
 */
export class CommandInfo {
  /** Upper-case; with its subcommand where it has one: `CLIENT SETNAME`. Never an argument. */
  readonly name: string;
  /** The words of the command string as spelled; those that are not ASCII as bytes. */
  readonly words: readonly (string | Uint8Array)[];
  /** The wire form of `words`; its characters are bytes. */
  readonly encoded: string;
  /** Kept by the encoder. */
  readonly openings: Openings = [];
  /** How many words `encoded` holds; the arguments come on top. */
  readonly count: number;
  /** The bits of flags.ts. */
  readonly flags: number;
  /** Where the keys are; null when the command is unknown. */
  readonly keySpecs: readonly KeySpec[] | null;
  /** How many words the name has: where the arguments proper begin, in `words` or behind them. */
  readonly nameLength: number;
  /** Index in the arguments of the only key, for commands that always have one there; else -1. */
  readonly soleKey: number;
  /** With CONTAINER: its subcommands, made when first met. */
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
  // These two have keys that no rule tells.
  if (spec === undefined || more !== undefined || name === 'SORT' || name === 'MIGRATE') return -1;
  if (spec.keyword === null && spec.counted) {
    // The words tell that there is one key: `EVALSHA <sha> 1`.
    const [number, first] = [spec.start + spec.last, spec.start + spec.limit];
    return number < count && first === count && words[number] === '1' ? 0 : -1;
  }
  const sole = spec.keyword === null && !spec.counted && spec.last === 0 && spec.start >= count;
  return sole ? spec.start - count : -1;
}

/** Unusual spellings beyond this many are forgotten; those of known commands stay. */
const MAX_SPELLINGS = 2000;
const LONGEST_SPELLING = 64;
const LONGEST_NAME = 64;

const spellings = new Map<string, CommandInfo>();
const forgettable: string[] = [];
let oldest = 0;
/** The last spelling. Frequent callers repeat one command, and a comparison costs less than a look-up. */
let latest = '';
let latestInfo: CommandInfo | null = null;
/** A text shorter than this is never a slice of a longer string, which would be kept alive with it. */
const NEVER_A_PART = 12;

/**
 * The command of a call; throws `TypeError` for what is none. `args` tell the subcommand where `command` does
 * not. `text`: how its words are encoded.
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
  // A copy of its own: a slice would keep the caller's whole string alive.
  const spelling = text.length <= LONGEST_SPELLING ? Buffer.from(text, 'latin1').toString('latin1') : text;
  const head = encodeWords(spelling);
  const info = describe(head.words, head.encoded);
  if (text.length <= LONGEST_SPELLING) remember(spelling, info);
  return info;
}

/** A name outside ASCII is no known command, and its bytes depend on the caller's encoding: parse it every time. */
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

/** Spellings of a command that was unknown until now are read anew. */
export function forgetSpellings(name: string): void {
  for (const [spelling, info] of spellings) if (info.name === name) spellings.delete(spelling);
  latest = '';
  latestInfo = null;
}

/**
 * Servers compare names without regard to case, and some only up to a NUL: what could be taken for a name is
 * one.
 */
function canonical(word: string | Uint8Array): string {
  const text = (typeof word === 'string' ? word : latin1Text(word)).slice(0, LONGEST_NAME);
  const end = text.indexOf('\0');
  return (end < 0 ? text : text.slice(0, end)).toUpperCase();
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}
