import { nameClass } from '../base/classes.ts';
import { keySlot } from '../commands/key-slot.ts';
import { keyPositions, keysOf } from '../commands/keys.ts';
import { resolveCommand } from '../commands/command-info.ts';
import type { RedisValue, Reply } from '../resp/types.ts';
import { type FailedCommand, withCommand } from './errors.ts';
import { prefixKeys } from './key-prefix.ts';
import type { Script } from './script.ts';
import { type Shape, shaped, shapeOf } from './shapes.ts';
import {
  type ArgumentTransformer,
  argumentTransformers,
  DEFAULT_CONTEXT,
  type ReplyContext,
  type ReplyTransformer,
  replyTransformers,
} from './transformers.ts';

export type Callback<T = unknown> = (error: Error | null, result?: T) => void;

/** Options of one command, by the names that ioredis gives them. */
export interface CommandOptions {
  /** `'utf8'` for strings as text; otherwise bytes. */
  replyEncoding?: BufferEncoding | null | undefined;
  keyPrefix?: string | Buffer | undefined;
  readOnly?: boolean | undefined;
  /** Numbers of the reply as text. */
  stringNumbers?: boolean | undefined;
  /** Passed to reply transformers. */
  context?: ReplyContext | undefined;
  /** For `defineCommand`: the script, whose words precede the arguments. */
  script?: Script | undefined;
}

/** The command flags of ioredis, by name. */
export const FLAGS = {
  VALID_IN_SUBSCRIBER_MODE: 'subscribe psubscribe unsubscribe punsubscribe ssubscribe sunsubscribe ping quit',
  VALID_IN_MONITOR_MODE: 'monitor auth',
  ENTER_SUBSCRIBER_MODE: 'subscribe psubscribe ssubscribe',
  EXIT_SUBSCRIBER_MODE: 'unsubscribe punsubscribe sunsubscribe',
  WILL_DISCONNECT: 'quit',
  HANDSHAKE_COMMANDS: 'auth hello select client readonly info',
  IGNORE_RECONNECT_ON_ERROR: 'client',
  BLOCKING_COMMANDS: 'blpop brpop brpoplpush blmove blmovem bzpopmin bzpopmax bzmpop blmpop xread xreadgroup',
} as const;
export type CommandFlag = keyof typeof FLAGS;
const flagged = new Map(
  Object.entries(FLAGS).map(([flag, names]) => [flag as CommandFlag, new Set(names.split(' '))]),
);

export interface WaitLimits {
  commandTimeout?: number | undefined;
  blockingTimeout?: number | undefined;
}

/** One command: its words, and the form of its reply. */
export class Command implements FailedCommand {
  name: string;
  args: RedisValue[];
  readonly callback: Callback | undefined;
  readonly shape: Shape;
  /** For `defineCommand`: the script to run. */
  readonly script: Script | null;
  isReadOnly = false;
  /** With `showFriendlyErrorStack`: the stack of its call. */
  frames = '';
  /** Part of MULTI … EXEC. */
  inTransaction = false;
  /** The index in a pipeline. */
  pipelineIndex: number | undefined = undefined;
  readonly context: ReplyContext;
  /** The timer of `commandTimeout` or `blockingTimeout` while the command waits to be sent. */
  timer: NodeJS.Timeout | undefined = undefined;
  isSettled = false;
  /** The selected database at the time of the call. */
  select = 0;
  #promise: Promise<unknown> | null = null;
  #resolve: ((value: unknown) => void) | null = null;
  #reject: ((error: unknown) => void) | null = null;

  static checkFlag(flag: CommandFlag, name: string): boolean {
    return flagged.get(flag)?.has(name.toLowerCase()) ?? false;
  }
  static setArgumentTransformer(name: string, transform: ArgumentTransformer): void {
    argumentTransformers.set(name, transform);
  }
  static setReplyTransformer(name: string, transform: ReplyTransformer): void {
    replyTransformers.set(name, transform);
  }

  constructor(
    name: string,
    args: readonly unknown[] = [],
    options: CommandOptions = {},
    callback?: Callback | undefined,
  ) {
    this.name = name;
    this.callback = callback;
    this.shape = shapeOf(Boolean(options.replyEncoding), options.stringNumbers ?? false);
    this.context = options.context ?? DEFAULT_CONTEXT;
    this.args = argumentsOf(name, args);
    this.script = options.script ?? null;
    if (options.readOnly === true) this.isReadOnly = true;
    const { keyPrefix } = options;
    if (keyPrefix !== undefined && keyPrefix.length > 0) prefixKeys(this.head, this.args, keyPrefix);
  }

  /** The words before the arguments; for a script EVALSHA, the digest and the number of keys. */
  get head(): string {
    return this.script === null ? this.name : this.script.head;
  }
  /** Every word after the name. */
  get words(): readonly RedisValue[] {
    return this.script === null ? this.args : this.script.withDigest(this.args);
  }
  getKeys(): (string | Uint8Array)[] {
    return keysOf(resolveCommand(this.head, this.args), this.args);
  }
  /** The slot of the first key; 0 without a key. */
  getSlot(): number {
    const [key] = this.getKeys();
    return key === undefined ? 0 : keySlot(key);
  }
  /** The indexes of the keys in `words`. */
  get keyPlaces(): number[] {
    const { name, words } = this;
    const info = resolveCommand(name, words);
    return keyPositions(info, words).map((position) => position - info.count);
  }

  /** A promise for commands that wait or were made by users; `resolve`, `settle` and `reject` settle it. */
  get promise(): Promise<unknown> {
    this.#promise ??= new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    return this.#promise;
  }
  /** Resolves with the transformed reply. */
  resolve(reply: unknown): void {
    this.#settled();
    void this.promise;
    try {
      this.#resolve!(this.transformReply(reply as Reply));
    } catch (error) {
      this.#reject!(error);
    }
  }
  /** Resolves with a finished result, without the reply transformer. */
  settle(result: unknown): void {
    this.#settled();
    void this.promise;
    this.#resolve!(result);
  }
  reject(error: unknown): void {
    this.#settled();
    void this.promise;
    this.#reject!(error);
  }
  #settled(): void {
    this.isSettled = true;
    clearTimeout(this.timer);
  }

  /** Starts the time limits of a command that waits to be sent. */
  limitWait({ commandTimeout, blockingTimeout }: WaitLimits): void {
    clearTimeout(this.timer);
    if (blockingTimeout && blockingTimeout > 0 && Command.checkFlag('BLOCKING_COMMANDS', this.name)) {
      this.timer = setTimeout(() => this.settle(null), blockingTimeout);
    } else if (typeof commandTimeout === 'number') {
      this.timer = setTimeout(() => this.reject(new Error('Command timed out')), commandTimeout);
    }
  }

  /** Converts the reply to the form that the caller gets. */
  transformReply(reply: Reply): unknown {
    const value = shaped(reply, this.shape);
    const transform = replyTransformers.get(this.name);
    return transform === undefined ? value : transform(value, { commandName: this.name, ...this.context });
  }

  /** Adds this command to an error. */
  blame<E extends Error>(error: E): E {
    return withCommand(error, this);
  }
}
nameClass(Command, 'Command');

function argumentsOf(name: string, args: readonly unknown[]): RedisValue[] {
  const transform = argumentTransformers.get(name);
  if (transform !== undefined) return transform(args.flat()).map(wordOf);
  for (let at = 0; at < args.length; at++) {
    if (typeof args[at] !== 'string') return wordsFrom(args, at);
  }
  return args as RedisValue[];
}

/** Converts arguments; those before `at` are strings already. */
function wordsFrom(args: readonly unknown[], at: number): RedisValue[] {
  const words = args.slice(0, at) as RedisValue[];
  for (; at < args.length; at++) {
    const arg = args[at];
    if (Array.isArray(arg)) for (const one of arg) words.push(wordOf(one));
    else words.push(wordOf(arg));
  }
  return words;
}

/** Converts one argument as ioredis does, which refuses nothing. */
function wordOf(arg: unknown): RedisValue {
  if (typeof arg === 'string') return arg;
  if (Buffer.isBuffer(arg)) return arg;
  if (arg === null || arg === undefined) return '';
  if (typeof arg === 'number' && Number.isInteger(arg) && !Number.isSafeInteger(arg))
    return String(BigInt(arg));
  return String(arg);
}

/** Calls back as Node does: an exception of the callback is thrown, not turned into a rejection. */
export function nodeify<T>(promise: Promise<T>, callback: Callback<T> | undefined): Promise<T> {
  if (callback === undefined || typeof callback !== 'function') return promise;
  const call = (error: Error | null, value?: T): void => {
    try {
      if (error === null) callback(null, value);
      else callback(error);
    } catch (thrown) {
      setImmediate(() => {
        throw thrown;
      });
    }
  };
  promise.then((value) => call(null, value), call);
  return promise;
}
