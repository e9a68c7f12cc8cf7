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
  /** `'utf8'`: strings of the reply as text; else as bytes. */
  replyEncoding?: BufferEncoding | null | undefined;
  keyPrefix?: string | Buffer | undefined;
  readOnly?: boolean | undefined;
  /** Numbers of the reply as text. */
  stringNumbers?: boolean | undefined;
  /** Handed to reply transformers. */
  context?: ReplyContext | undefined;
  /** Of `defineCommand`: the words that it begins with are no arguments of the call. */
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

/** One command as it was asked for: its words, and how its reply is handed out. */
export class Command implements FailedCommand {
  name: string;
  args: RedisValue[];
  readonly callback: Callback | undefined;
  readonly shape: Shape;
  /** Of `defineCommand`: which script it runs. */
  readonly script: Script | null;
  isReadOnly = false;
  /** With `showFriendlyErrorStack`: the stack of its call. */
  frames = '';
  /** Part of MULTI … EXEC. */
  inTransaction = false;
  /** Its place in a pipeline. */
  pipelineIndex: number | undefined = undefined;
  readonly context: ReplyContext;
  /** Timers of `commandTimeout` and `blockingTimeout`, as long as it waits to be sent. */
  timer: NodeJS.Timeout | undefined = undefined;
  isSettled = false;
  /** The database that was chosen when it was asked for. */
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

  /** The words before its arguments; of a script EVALSHA, its digest and the number of keys. */
  get head(): string {
    return this.script === null ? this.name : this.script.head;
  }
  /** Every word behind the name. */
  get words(): readonly RedisValue[] {
    return this.script === null ? this.args : this.script.withDigest(this.args);
  }
  getKeys(): (string | Uint8Array)[] {
    return keysOf(resolveCommand(this.head, this.args), this.args);
  }
  /** The slot of its first key; 0 without one. */
  getSlot(): number {
    const [key] = this.getKeys();
    return key === undefined ? 0 : keySlot(key);
  }
  /** Where they are among the words. */
  get keyPlaces(): number[] {
    const { name, words } = this;
    const info = resolveCommand(name, words);
    return keyPositions(info, words).map((position) => position - info.count);
  }

  /** Settles by itself where nobody settles it otherwise: for commands that wait, and for those who made one. */
  get promise(): Promise<unknown> {
    this.#promise ??= new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    return this.#promise;
  }
  /** A reply as it came; settles the promise with what it becomes. */
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

  /** It waits to be sent: its time runs from now on. */
  limitWait({ commandTimeout, blockingTimeout }: WaitLimits): void {
    clearTimeout(this.timer);
    if (blockingTimeout && blockingTimeout > 0 && Command.checkFlag('BLOCKING_COMMANDS', this.name)) {
      this.timer = setTimeout(() => this.settle(null), blockingTimeout);
    } else if (typeof commandTimeout === 'number') {
      this.timer = setTimeout(() => this.reject(new Error('Command timed out')), commandTimeout);
    }
  }

  /** Its reply as the caller gets it. */
  transformReply(reply: Reply): unknown {
    const value = shaped(reply, this.shape);
    const transform = replyTransformers.get(this.name);
    return transform === undefined ? value : transform(value, { commandName: this.name, ...this.context });
  }

  /** The same error, told which command it belongs to. */
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

/** Those before `at` are text. */
function wordsFrom(args: readonly unknown[], at: number): RedisValue[] {
  const words = args.slice(0, at) as RedisValue[];
  for (; at < args.length; at++) {
    const arg = args[at];
    if (Array.isArray(arg)) for (const one of arg) words.push(wordOf(one));
    else words.push(wordOf(arg));
  }
  return words;
}

/** One argument as ioredis sends it: nothing is refused. */
function wordOf(arg: unknown): RedisValue {
  if (typeof arg === 'string') return arg;
  if (Buffer.isBuffer(arg)) return arg;
  if (arg === null || arg === undefined) return '';
  if (typeof arg === 'number' && Number.isInteger(arg) && !Number.isSafeInteger(arg))
    return String(BigInt(arg));
  return String(arg);
}

/** Calls back like Node does: what the callback throws is nobody's rejection. */
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
