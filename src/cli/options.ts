import { readFileSync } from 'node:fs';
import { type ParseArgsConfig, parseArgs } from 'node:util';

type OptionTable = NonNullable<ParseArgsConfig['options']>;

/** An error in the command line: exit code 2, with a hint to `--help`. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Options of every command. */
const COMMON = {
  url: { type: 'string', short: 'u' },
  cluster: { type: 'boolean', short: 'c' },
  user: { type: 'string' },
  'ask-password': { type: 'boolean' },
  'tls-ca': { type: 'string' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  insecure: { type: 'boolean' },
  timeout: { type: 'string' },
  json: { type: 'boolean' },
  'no-color': { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const satisfies OptionTable;

/** Options of each command besides the common ones. */
const OWN = {
  ping: { count: { type: 'string', short: 'n' }, interval: { type: 'string', short: 'i' } },
  exec: { bytes: { type: 'boolean' } },
  subscribe: { pattern: { type: 'boolean', short: 'p' }, shard: { type: 'boolean', short: 's' } },
  monitor: {},
  top: { interval: { type: 'string', short: 'i' }, seconds: { type: 'string' } },
  bench: {
    seconds: { type: 'string' },
    mix: { type: 'string', short: 'm' },
    size: { type: 'string' },
    keys: { type: 'string' },
    concurrency: { type: 'string' },
    rate: { type: 'string', short: 'r' },
  },
  cluster: { watch: { type: 'boolean', short: 'w' }, interval: { type: 'string', short: 'i' } },
  doctor: {},
  completion: {},
} as const satisfies Record<string, OptionTable>;

export type CommandName = keyof typeof OWN;
export const COMMAND_NAMES = Object.keys(OWN) as CommandName[];

/** The parsed options of a call. */
export interface Options {
  readonly command: CommandName;
  readonly words: readonly string[];
  readonly help: boolean;
  readonly json: boolean;
  text(name: string): string | undefined;
  flag(name: string): boolean;
  /** A positive number; `fallback` if the option is absent. */
  number(name: string, fallback: number): number;
}

/** The names of all options of a command, for completion. */
export function optionNames(command: CommandName): string[] {
  return Object.keys({ ...COMMON, ...OWN[command] }).map((name) => `--${name}`);
}

function isCommand(word: string | undefined): word is CommandName {
  return word !== undefined && Object.hasOwn(OWN, word);
}

/** How many words beside its options a command takes; the others take any number. */
const MOST_WORDS: Partial<Record<CommandName, number>> = {
  ping: 0,
  monitor: 0,
  top: 0,
  bench: 0,
  cluster: 0,
  doctor: 0,
  completion: 1,
};

/** A word that would be ignored, such as a server's address without `--url`, must not look as if it had counted. */
function demandFewWords(command: CommandName, words: readonly string[]): void {
  const most = MOST_WORDS[command] ?? Number.POSITIVE_INFINITY;
  if (words.length <= most) return;
  const word = words[most] as string;
  const address = word.includes('://') || /:\d+$/.test(word);
  throw new UsageError(`${command} takes no ${address ? 'address as a word: use --url' : `word '${word}'`}`);
}

/** The index of the command to send. Every later word belongs to that command, even `-1`. */
function firstWord(args: readonly string[], table: OptionTable): number {
  let index = 0;
  while (index < args.length) {
    const arg = args[index] as string;
    if (arg === '--' || arg === '-' || !arg.startsWith('-')) break;
    const name = arg.startsWith('--')
      ? arg.slice(2)
      : Object.entries(table).find(([, { short }]) => short === arg[1])?.[0];
    index += name !== undefined && table[name]?.type === 'string' ? 2 : 1;
  }
  return Math.min(index, args.length);
}

/**
 * Reads a command line.
 * @throws UsageError for an unknown command or option.
 */
export function readOptions(argv: readonly string[]): Options {
  const [first, ...rest] = argv;
  if (first === '--help' || first === '-h' || first === undefined || first === 'help') {
    const topic = isCommand(rest[0]) ? rest[0] : 'ping';
    return optionsOf(topic, isCommand(rest[0]) ? ['help'] : [], { help: true });
  }
  if (!isCommand(first)) throw new UsageError(`unknown command '${first}'`);
  const table: OptionTable = { ...COMMON, ...OWN[first] };
  const split = first === 'exec' ? firstWord(rest, table) : rest.length;
  try {
    const { values, positionals } = parseArgs({
      args: rest.slice(0, split),
      options: table,
      allowPositionals: true,
    });
    const tail = rest.slice(split);
    const words = [...positionals, ...(tail[0] === '--' ? tail.slice(1) : tail)];
    if (values['help'] !== true) demandFewWords(first, words);
    return optionsOf(first, words, values);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError((error as Error).message.split('. To specify')[0] as string);
  }
}

function optionsOf(command: CommandName, words: readonly string[], values: Record<string, unknown>): Options {
  const text = (name: string): string | undefined => values[name] as string | undefined;
  return {
    command,
    words,
    help: values['help'] === true,
    json: values['json'] === true,
    text,
    flag: (name) => values[name] === true,
    number(name, fallback) {
      const given = text(name);
      if (given === undefined) return fallback;
      const value = Number(given);
      if (given.trim() === '' || !Number.isFinite(value) || value <= 0)
        throw new UsageError(`--${name} must be a positive number`);
      return value;
    },
  };
}

/**
 * Reads the file that an option names.
 * @throws UsageError if it cannot be read.
 */
export function readFileOption(option: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new UsageError(`${option}: ${(error as Error).message}`);
  }
}
