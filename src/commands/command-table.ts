import { isUint8Array } from 'node:util/types';
import { latin1Text } from '../resp/decoding/native-slices.ts';
import type { RedisValue } from '../resp/types.ts';
import { wordAt, wordText } from './arguments.ts';
import { addEntry } from './catalogue.ts';
import { type CommandInfo, forgetSpellings } from './command-info.ts';
import { learnTips } from './command-tips.ts';
import { BLOCKING, HAS_EFFECT, READONLY, SCRIPT_LIKE, STATEFUL, WRITE } from './flags.ts';
import type { KeySpec } from './key-specs.ts';
import { keyPositions, keysOf } from './keys.ts';

/** A server's description of a command. */
export interface LearnedCommand {
  /** In upper case; a subcommand includes its command: `FOO BAR`. */
  readonly name: string;
  readonly flags: number;
  readonly keySpecs: readonly KeySpec[];
  /** False if only `COMMAND GETKEYS` can find all keys. */
  readonly complete: boolean;
  /** Such as `response_policy:agg_sum`. */
  readonly tips: readonly string[];
}

const MAX_LEARNED = 4096;
/** The latest replies by the name asked for; an empty list if the server does not have the command. */
const told = new Map<string, readonly LearnedCommand[]>();

/** The server's answer about a command missing in the tables; undefined if no server was asked. */
export function toldOf(name: string): readonly LearnedCommand[] | undefined {
  return told.get(name);
}

/** The built-in commands, and those learned from servers. */
export class CommandTable {
  readonly #learned = new Map<string, LearnedCommand>();

  /** Learns from a reply to `COMMAND INFO name …` or `COMMAND`, in either protocol; returns the names in it. */
  learn(reply: unknown): string[] {
    return this.take(commandsFromReply(reply));
  }

  /** As `learn`, for parsed descriptions. */
  take(commands: readonly LearnedCommand[]): string[] {
    for (const command of commands) {
      if (this.#learned.size >= MAX_LEARNED) this.#learned.clear();
      this.#learned.set(command.name, command);
    }
    return commands.map(({ name }) => name);
  }

  isKnown(info: CommandInfo, args: readonly RedisValue[]): boolean {
    return info.keySpecs !== null || this.lookUp(info, args) !== undefined;
  }

  /** The flags of a call: built in, otherwise learned. */
  flagsOf(info: CommandInfo, args: readonly RedisValue[]): number {
    return info.keySpecs !== null ? info.flags : (this.lookUp(info, args)?.flags ?? info.flags);
  }

  keysOf(info: CommandInfo, args: readonly RedisValue[]): (string | Uint8Array)[] {
    return keysOf(info, args, this.#specsOf(info, args));
  }

  keyPositions(info: CommandInfo, args: readonly RedisValue[]): number[] {
    return keyPositions(info, args, this.#specsOf(info, args));
  }

  /** The learned description of a command; undefined if there is none. */
  lookUp(info: CommandInfo, args: readonly RedisValue[]): LearnedCommand | undefined {
    if (this.#learned.size === 0) return undefined;
    const second = wordText(wordAt(info, args, 1)).toUpperCase();
    return this.#learned.get(`${info.name} ${second}`) ?? this.#learned.get(info.name);
  }

  #specsOf(info: CommandInfo, args: readonly RedisValue[]): readonly KeySpec[] | null {
    return info.keySpecs ?? this.lookUp(info, args)?.keySpecs ?? null;
  }
}

/**
 * Adds the commands in a reply to `COMMAND INFO` to the tables of the whole process, except those whose keys only the
 * server can find.
 */
export function learnCommands(asked: string, reply: unknown): void {
  const commands = commandsFromReply(reply);
  if (told.size >= MAX_LEARNED) told.clear();
  told.set(asked, commands);
  for (const { name, flags, keySpecs, complete, tips } of commands) {
    learnTips(name, tips);
    if (!complete) continue;
    addEntry(name, flags, keySpecs);
    forgetSpellings(name.split(' ')[0] as string);
  }
}

/**
 * The commands and subcommands in a reply to `COMMAND INFO`; null and malformed entries are skipped.
 *
 * @testable
 */
export function commandsFromReply(reply: unknown): LearnedCommand[] {
  const found: LearnedCommand[] = [];
  for (const entry of list(reply)) collect(entry, found);
  return found;
}

function collect(entry: unknown, found: LearnedCommand[]): void {
  if (!Array.isArray(entry) || entry.length < 6) return;
  const name = text(entry[0]).toUpperCase().replace('|', ' ');
  if (name === '') return;
  const flags = texts(entry[2]);
  const described = Array.isArray(entry[8]);
  const specs = described ? list(entry[8]).map(keySpec) : legacySpecs(entry[3], entry[4], entry[5]);
  const incomplete = list(entry[8]).some((spec) => texts(field(spec, 'flags')).includes('incomplete'));
  const known = specs.filter((spec) => spec !== null);
  found.push({
    name,
    flags: flagsFrom(flags, texts(entry[6])),
    keySpecs: known,
    tips: texts(entry[7]),
    complete: !incomplete && known.length === specs.length && (described || !flags.includes('movablekeys')),
  });
  for (const subcommand of list(entry[9])) collect(subcommand, found);
}

/** Derives the flags of a command from the server's flags and ACL categories. */
function flagsFrom(flags: readonly string[], categories: readonly string[]): number {
  const ofConnection = flags.includes('noscript') && categories.includes('@connection');
  return (
    (flags.includes('readonly') ? READONLY : 0) |
    (flags.includes('write') ? WRITE : 0) |
    (flags.includes('blocking') ? BLOCKING | HAS_EFFECT : 0) |
    (flags.includes('script_runner') ? SCRIPT_LIKE : 0) |
    (ofConnection ? STATEFUL | HAS_EFFECT : 0)
  );
}

function keySpec(value: unknown): KeySpec | null {
  const [begin, find] = [field(value, 'begin_search'), field(value, 'find_keys')];
  const [search, rule] = [field(begin, 'spec'), field(find, 'spec')];
  const byKeyword = text(field(begin, 'type')) === 'keyword';
  if (!byKeyword && text(field(begin, 'type')) !== 'index') return null;
  const counted = text(field(find, 'type')) === 'keynum';
  if (!counted && text(field(find, 'type')) !== 'range') return null;
  return {
    keyword: byKeyword ? text(field(search, 'keyword')).toUpperCase() : null,
    start: integer(field(search, byKeyword ? 'startfrom' : 'index')),
    counted,
    last: integer(field(rule, counted ? 'keynumidx' : 'lastkey')),
    step: integer(field(rule, 'keystep')),
    limit: integer(field(rule, counted ? 'firstkey' : 'limit')),
  };
}

/** The key spec of servers before 7.0, which give only first, last and step; a negative last counts from the end. */
function legacySpecs(first: unknown, last: unknown, step: unknown): KeySpec[] {
  const [start, end] = [integer(first), integer(last)];
  if (start <= 0) return [];
  const reach = end < 0 ? end : end - start;
  return [{ keyword: null, start, counted: false, last: reach, step: integer(step), limit: 0 }];
}

/** A field of a map, or of the flat list that older servers and RESP2 send. */
function field(value: unknown, name: string): unknown {
  if (value instanceof Map) {
    for (const [key, item] of value) if (text(key) === name) return item;
  } else if (Array.isArray(value)) {
    for (let i = 0; i + 1 < value.length; i += 2) if (text(value[i]) === name) return value[i + 1];
  }
  return undefined;
}

function list(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  return value instanceof Set ? [...value] : [];
}

function texts(value: unknown): string[] {
  return list(value).map(text);
}

function text(value: unknown): string {
  if (typeof value === 'string') return value;
  return isUint8Array(value) ? latin1Text(value) : '';
}

function integer(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : 0;
}
