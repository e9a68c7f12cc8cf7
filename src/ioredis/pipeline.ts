import { nameClass } from '../base/classes.ts';
import { RedisError, TimeoutError } from '../errors/errors.ts';
import type { CommandRequest } from '../connection/requests/request-options.ts';
import type { Reply } from '../resp/types.ts';
import { type Callback, Command, nodeify } from './command.ts';
import { addCommands } from './commander.ts';
import { abortedBy, isOfServer, replyErrorOf, timedOut } from './errors.ts';
import type { Script } from './script.ts';
import { decodingOf } from './shapes.ts';
import { Subscriber } from './subscriber.ts';
import type { ReplyContext } from './transformers.ts';

/** The outcome of one command. */
export type PipelineEntry = [error: Error | null, result?: unknown];

/** The client that executes a pipeline. */
export interface PipelineOwner {
  readonly options: { keyPrefix?: string | undefined; stringNumbers?: boolean | undefined };
  readonly scriptsSet: Record<string, Script>;
  readonly addedBuiltinSet: Set<string>;
  readonly replyContext: ReplyContext;
  readonly isCluster: boolean;
  sendPipeline(pipeline: Pipeline): void;
}

/** Commands that are sent together; `exec()` sends them. */
export class Pipeline {
  readonly isPipeline = true;
  readonly redis: PipelineOwner;
  readonly isCluster: boolean;
  readonly options: PipelineOwner['options'];
  readonly scriptsSet: Record<string, Script>;
  readonly addedBuiltinSet: Set<string>;
  readonly replyContext: ReplyContext;
  readonly promise: Promise<PipelineEntry[]>;
  /** Number of redirects of its commands. */
  redirections = 0;
  /** The selected database at the time it was sent. */
  select = 0;
  readonly #queue: Command[] = [];
  /** Commands that need more than a request in a batch. */
  readonly special: Command[] = [];
  #transactions = 0;
  #resolve!: (entries: PipelineEntry[]) => void;
  #reject!: (error: unknown) => void;
  #done = false;

  constructor(redis: PipelineOwner) {
    this.redis = redis;
    this.isCluster = redis.isCluster;
    this.options = redis.options;
    this.scriptsSet = redis.scriptsSet;
    this.addedBuiltinSet = redis.addedBuiltinSet;
    this.replyContext = redis.replyContext;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get length(): number {
    return this.#queue.length;
  }
  get commands(): readonly Command[] {
    return this.#queue;
  }
  get isSettled(): boolean {
    return this.#done;
  }
  /** Estimated bytes of all arguments. */
  get size(): number {
    return this.#queue.reduce((sum, command) => sum + sizeOf(command), 0);
  }

  sendCommand(command: Command): this {
    const { name } = command;
    if (name === 'multi') this.#transactions++;
    else if (this.#transactions > 0) command.inTransaction = true;
    if (SPECIAL.has(name) || Subscriber.handles(name)) this.special.push(command);
    command.pipelineIndex = this.#queue.length;
    this.#queue.push(command);
    return this;
  }

  /** Adds commands given as `[['set', 'key', 'value'], ['get', 'key']]`. */
  addBatch(commands: readonly (readonly unknown[])[]): this {
    for (const [name, ...args] of commands) {
      const method: unknown = Reflect.get(this, String(name));
      if (typeof method !== 'function') throw new TypeError(`${String(name)} is not a command`);
      Reflect.apply(method, this, args);
    }
    return this;
  }

  /** Sends the collected commands. Inside `multi()` it adds EXEC instead and goes on collecting. */
  exec(callback?: Callback<PipelineEntry[]>): Promise<PipelineEntry[]> | this {
    if (this.#transactions > 0) {
      this.#transactions--;
      const command = new Command(
        'exec',
        [],
        { replyEncoding: 'utf8', stringNumbers: this.options.stringNumbers },
        callback as Callback,
      );
      return this.sendCommand(command);
    }
    void nodeify(this.promise, callback);
    if (this.#queue.length === 0) this.resolve([]);
    else this.redis.sendPipeline(this);
    return this.promise;
  }
  execBuffer(callback?: Callback<PipelineEntry[]>): Promise<PipelineEntry[]> | this {
    return this.exec(callback);
  }

  /** Whether the commands must be sent one by one, because a batch cannot carry some of them. */
  get singly(): boolean {
    return this.special.some(({ name }) => Subscriber.handles(name) || name === 'monitor');
  }

  /** The requests for the core. Scripts unknown to the connection are sent as text. */
  requests(scripts: Set<string>): CommandRequest[] {
    return this.#queue.map((command, index) => {
      const { script, name, args } = command;
      const decode = this.#decodes(command, index);
      if (script === null) return { command: name, args, decode };
      if (script.isKnown(scripts)) return { command: script.head, args, decode };
      return { command: 'eval', args: script.withText(args), decode };
    });
  }

  /** The decoding of one command. For an EXEC it is bytes if any command of its transaction wants bytes. */
  #decodes(command: Command, index: number): false | undefined {
    if (command.name !== 'exec') return decodingOf(command.shape);
    for (let at = index - 1; at >= 0 && this.#queue[at]!.name !== 'multi'; at--) {
      if (!this.#queue[at]!.shape.text) return false;
    }
    return decodingOf(command.shape);
  }

  /** Makes the result entry of one command. */
  entry(index: number, reply: Reply): PipelineEntry {
    const command = this.#queue[index]!;
    command.isSettled = true;
    if (reply instanceof RedisError) {
      if (reply instanceof TimeoutError) return [command.blame(timedOut(reply))];
      if (isOfServer(reply)) return [command.blame(replyErrorOf(reply))];
      return [abortedBy(command)];
    }
    if (command.name === 'exec' && Array.isArray(reply)) return [null, this.#transaction(index, reply)];
    try {
      return [null, command.transformReply(reply)];
    } catch (error) {
      return [error as Error];
    }
  }

  /** Converts each reply of EXEC as its command wants it. */
  #transaction(index: number, replies: Reply[]): unknown[] {
    return replies.map((reply, at) => {
      const command = this.#queue[index - replies.length + at];
      if (reply instanceof RedisError) {
        const error = replyErrorOf(reply);
        return command === undefined ? error : command.blame(error);
      }
      try {
        return command === undefined ? reply : command.transformReply(reply);
      } catch (error) {
        return error;
      }
    });
  }

  resolve(entries: PipelineEntry[]): void {
    if (this.#done) return;
    this.#done = true;
    for (let index = 0; index < entries.length; index++) {
      const callback = this.#queue[index]?.callback;
      if (callback === undefined) continue;
      const [error, value] = entries[index]!;
      callback(error, value);
    }
    this.#resolve(entries);
  }
  reject(error: unknown): void {
    if (this.#done) return;
    this.#done = true;
    this.#reject(error);
  }
  /** Fails every command with the same error. */
  abort(error: Error): void {
    this.resolve(this.#queue.map((command): PipelineEntry => [command.blame(copyOf(error))]));
  }
}
nameClass(Pipeline, 'Pipeline');
addCommands(Pipeline.prototype);

/** Commands for `special`, besides the SUBSCRIBE family. */
const SPECIAL: ReadonlySet<string> = new Set(['quit', 'select', 'monitor', 'reset', 'himport']);

/** Copies an error, so that each command can be attached to its own. */
function copyOf(error: Error): Error {
  const copy = Object.create(
    Object.getPrototypeOf(error) as object,
    Object.getOwnPropertyDescriptors(error),
  ) as Error;
  return copy;
}

export function sizeOf({ args }: Command): number {
  let size = 32;
  for (const arg of args) size += (typeof arg === 'string' || Buffer.isBuffer(arg) ? arg.length : 20) + 8;
  return size;
}

/** `[error]` or `[null, value]` for each value of EXEC; null if a watched key was changed. */
export function unwrapped(values: readonly unknown[] | null): PipelineEntry[] | null {
  return values?.map((value): PipelineEntry => (value instanceof Error ? [value] : [null, value])) ?? null;
}

/** A pipeline that is one transaction; the reply to EXEC is its result. */
export class Transaction extends Pipeline {
  constructor(redis: PipelineOwner) {
    super(redis);
    this.sendCommand(new Command('multi', [], { replyEncoding: 'utf8' }));
  }

  override exec(callback?: Callback<never>): Promise<never> {
    if (this.commands.at(-1)?.name !== 'exec') void super.exec();
    const promise = (super.exec() as Promise<PipelineEntry[]>).then((entries) => {
      const [error, values] = entries.at(-1) ?? [new Error('the transaction was executed before')];
      if (!error) return unwrapped(values as unknown[] | null);
      const previousErrors = entries.slice(0, -1).flatMap(([one]) => (one ? [one] : []));
      throw Object.assign(error, { previousErrors });
    });
    return nodeify(promise, callback as Callback<PipelineEntry[] | null>) as Promise<never>;
  }
  override execBuffer(callback?: Callback<never>): Promise<never> {
    return this.exec(callback);
  }
}

/** A subclass of a pipeline with the scripts and commands added to a client. */
export function withMethodsOf<T extends typeof Pipeline>(client: PipelineOwner, type: T): T {
  const names = [...Object.keys(client.scriptsSet), ...client.addedBuiltinSet];
  if (names.length === 0) return type;
  const own = class extends (type as typeof Pipeline) {} as T;
  nameClass(own, type.name);
  for (const name of names.flatMap((each) => [each, `${each}Buffer`])) {
    Object.defineProperty(own.prototype, name, {
      value: Reflect.get(client, name),
      writable: true,
      configurable: true,
    });
  }
  return own;
}
