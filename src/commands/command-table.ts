import { isUint8Array } from 'node:util/types';
import { latin1Text } from '../resp/decoding/native-slices.ts';
import type { RedisValue } from '../resp/types.ts';
import { wordAt, wordText } from './arguments.ts';
import type { CommandInfo } from './command-info.ts';
import { BLOCKING, READONLY, WRITE } from './flags.ts';
import type { KeySpec } from './key-specs.ts';
import { keyPositions, keysOf } from './keys.ts';

/** What a server said of a command. */
export interface LearnedCommand {
  /** Upper-case; a subcommand with its command: `FOO BAR`. */
  readonly name: string;
  readonly flags: number;
  readonly keySpecs: readonly KeySpec[];
  /** False when only `COMMAND GETKEYS` can tell all keys. */
  readonly complete: boolean;
}

const MAX_LEARNED = 4096;

/** The built-in knowledge of commands, and what servers have told of those that it lacks. */
export class CommandTable {
  readonly #learned = new Map<string, LearnedCommand>();

  /**
   * Takes in an answer of `COMMAND INFO name …` or `COMMAND`, of either protocol; gives back the names in it.
   */
  learn(reply: unknown): string[] {
    const commands = commandsFromReply(reply);
    for (const command of commands) {
      if (this.#learned.size >= MAX_LEARNED) this.#learned.clear();
      this.#learned.set(command.name, command);
    }
    return commands.map(({ name }) => name);
  }

  isKnown(info: CommandInfo, args: readonly RedisValue[]): boolean {
    return info.keySpecs !== null || this.lookUp(info, args) !== undefined;
  }

  /** The flags of a call: built in, else learned. */
  flagsOf(info: CommandInfo, args: readonly RedisValue[]): number {
    return info.keySpecs !== null ? info.flags : (this.lookUp(info, args)?.flags ?? info.flags);
  }

  keysOf(info: CommandInfo, args: readonly RedisValue[]): (string | Uint8Array)[] {
    return keysOf(info, args, this.#specsOf(info, args));
  }

  keyPositions(info: CommandInfo, args: readonly RedisValue[]): number[] {
    return keyPositions(info, args, this.#specsOf(info, args));
  }

  /** What was learned of a command that is not built in. */
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
 * The commands and subcommands in an answer of `COMMAND INFO`; what is null or malformed in it is passed
 * over.
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
    flags:
      (flags.includes('readonly') ? READONLY : 0) |
      (flags.includes('write') ? WRITE : 0) |
      (flags.includes('blocking') ? BLOCKING : 0),
    keySpecs: known,
    complete: !incomplete && known.length === specs.length && (described || !flags.includes('movablekeys')),
  });
  for (const subcommand of list(entry[9])) collect(subcommand, found);
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

/**
 * Servers before 7.0 tell first and last position and step only; a last one below zero counts from the end.
 */
function legacySpecs(first: unknown, last: unknown, step: unknown): KeySpec[] {
  const [start, end] = [integer(first), integer(last)];
  if (start <= 0) return [];
  const reach = end < 0 ? end : end - start;
  return [{ keyword: null, start, counted: false, last: reach, step: integer(step), limit: 0 }];
}

/** A field of a map, or of the flat list that older servers and RESP2 send instead. */
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
