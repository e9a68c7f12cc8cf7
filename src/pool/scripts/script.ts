import { inspect } from 'node:util';
import { nameClass } from '../../base/classes.ts';
import { createHash } from 'node:crypto';
import { demandKnown, demandObject } from '../../base/known-options.ts';
import { type CommandInfo, resolveCommand } from '../../commands/command-info.ts';
import type { AnsweredCommand } from '../../commands/typed-command.ts';
import type { CommandRequest } from '../../connection/requests/request-options.ts';
import { latin1Text } from '../../resp/decoding/native-slices.ts';
import type { RedisValue, Reply } from '../../resp/types.ts';

/** The definition of a script for `defineScript`. */
export interface ScriptOptions {
  /** The source text. */
  lua: string;
  /** The number of keys of each call; null: any number. Default null. */
  keys?: number | null | undefined;
  /**
   * The script writes nothing: a replica may run it, and the pool may repeat it like a read. Default false.
   */
  readOnly?: boolean | undefined;
}

/** Marks a command as a call of a script, and holds the script. */
const SCRIPT: unique symbol = Symbol('respool.script');
/** Only in the types: the reply of the script. */
declare const ANSWER: unique symbol;

/** A call of a script as one command of a batch or a transaction of a pool. */
export interface ScriptCommand<R extends Reply = Reply>
  extends Omit<CommandRequest, 'command' | 'args'>,
    AnsweredCommand<R> {
  readonly [SCRIPT]: Script<R>;
}

/** Encoded heads of calls are kept for fewer keys than this. */
const MOST_HEADS = 64;
const KNOWN: ReadonlySet<string> = new Set(['lua', 'keys', 'readOnly']);

/**
 * A Lua script that pools run by its SHA-1. Make it once with `defineScript`, outside of functions: one
 * object serves every pool.
 */
export class Script<R extends Reply = Reply> {
  readonly lua: string;
  readonly keys: number | null;
  readonly readOnly: boolean;
  /** The SHA-1 in lower-case hexadecimal digits. */
  readonly sha: string;
  declare readonly [ANSWER]: R;
  /** The head of a call for each number of keys: command, SHA and that number. */
  readonly #heads: (CommandInfo | undefined)[] = [];

  /** @internal */
  constructor(options: ScriptOptions) {
    demandObject(options, 'the options of a script');
    demandKnown(options, KNOWN, 'a script');
    const { lua, keys = null, readOnly = false } = options;
    if (typeof lua !== 'string' || lua === '') throw new TypeError('lua must be the text of a script');
    if (keys !== null && !(Number.isSafeInteger(keys) && keys >= 0))
      throw new TypeError('keys must be an integer of at least 0, or null');
    if (typeof readOnly !== 'boolean') throw new TypeError('readOnly must be true or false');
    this.lua = lua;
    this.keys = keys;
    this.readOnly = readOnly;
    this.sha = createHash('sha1').update(lua).digest('hex');
  }

  /**
   * The call as one command for `executeBatch`, `transaction` or `watch` of a pool.
   * @throws TypeError when the number of keys is not that of the script.
   */
  command(keys: readonly RedisValue[], args: readonly RedisValue[] = []): ScriptCommand<R> {
    this.#check(keys, args);
    return {
      command: this.readOnly ? 'EVALSHA_RO' : 'EVALSHA',
      args: [this.sha, keys.length, ...keys, ...args],
      [SCRIPT]: this,
    };
  }

  /**
   * @internal What stands before the keys of a call, as one command.
   * @throws TypeError for keys and arguments that are none.
   */
  headOf(keys: readonly RedisValue[], args: readonly RedisValue[]): CommandInfo {
    this.#check(keys, args);
    const count = keys.length;
    return this.#heads[count] ?? this.#makeHead(count);
  }

  #makeHead(count: number): CommandInfo {
    const info = resolveCommand(`${this.readOnly ? 'EVALSHA_RO' : 'EVALSHA'} ${this.sha} ${count}`, []);
    // More keys are rare, and would make the array sparse.
    if (count < MOST_HEADS) this.#heads[count] = info;
    return info;
  }

  #check(keys: readonly RedisValue[], args: readonly RedisValue[]): void {
    if (!Array.isArray(keys)) throw new TypeError('the keys of a script must be an array');
    if (!Array.isArray(args)) throw new TypeError('the arguments of a script must be an array');
    if (this.keys !== null && keys.length !== this.keys)
      throw new TypeError(`the script has ${this.keys} keys, and the call gives ${keys.length}`);
  }

  /** Leaves out the text, because it may hold values. */
  toJSON(): Record<string, unknown> {
    return { type: 'Script', sha: this.sha, keys: this.keys, readOnly: this.readOnly };
  }
  toString(): string {
    return `Script<${this.sha}${this.keys === null ? '' : `, keys=${this.keys}`}>`;
  }
  [inspect.custom](): string {
    return this.toString();
  }
}
nameClass(Script, 'Script');

/**
 * Defines a script for `pool.run` and, by its `command()`, for batches and transactions.
 *
 * @throws TypeError for options that are none.
 * @example
 * ```ts
 * const take = defineScript<number>({
 *   lua: `local left = tonumber(redis.call('GET', KEYS[1]) or ARGV[1])
 *         if left <= 0 then return 0 end
 *         redis.call('SET', KEYS[1], left - 1)
 *         return left`,
 *   keys: 1,
 * });
 * const left = await pool.run(take, ['tokens'], [10]);
 * ```
 */
export function defineScript<R extends Reply = Reply>(options: ScriptOptions): Script<R> {
  return new Script<R>(options);
}
nameClass(defineScript, 'defineScript');

/** The script that a command of a batch calls; undefined for other commands. */
export function scriptOf(request: CommandRequest): Script | undefined {
  return (request as Partial<ScriptCommand>)[SCRIPT];
}

/** The script's text as UTF-8 bytes in latin1, one character per byte. */
export function luaOf({ lua }: Script): string {
  return latin1Text(Buffer.from(lua));
}
