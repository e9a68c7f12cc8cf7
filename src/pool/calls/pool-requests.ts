import { checkDuration, checkSignal, type Deadline } from '../../base/deadline.ts';
import type { CommandInfo } from '../../commands/command-info.ts';
import { toldOf } from '../../commands/command-table.ts';
import { UNKNOWN } from '../../commands/flags.ts';
import {
  checkCommandRequest,
  type CommandRequest,
  demandArray,
} from '../../connection/requests/request-options.ts';
import {
  type PoolClosedError,
  RedisError,
  RequestAbortedError,
  UnknownCommandError,
} from '../../errors/errors.ts';
import { commandWordOf } from '../../connection/requests/request-traces.ts';
import type { ConnectionNode } from '../../node/connection-node.ts';
import { kept } from '../../resp/decoding/native-slices.ts';
import { encodeCommand } from '../../resp/encoder.ts';
import type { RedisValue, Reply } from '../../resp/types.ts';
import { withCallStack, withCallStacks } from '../../errors/call-stacks.ts';
import { traces } from '../../telemetry/traces.ts';
import type { CommandPart, Topology } from '../../topology/topology.ts';
import type { PoolCache } from '../cache/pool-cache.ts';
import type { PoolTraces, TracedCall, WatchCalls } from '../pool-traces.ts';
import type { CallFactory } from './call-factory.ts';
import { makeScriptCall } from '../scripts/script-call.ts';
import { Script, scriptOf } from '../scripts/script.ts';
import { checkCallOptions, type PoolRequest, type PoolRequestOptions } from './call-options.ts';
import { type PoolCall, thisTurn } from './pool-call.ts';
import type { RetryLoop } from './retry-loop.ts';
import { joinParts } from './split-command.ts';
import { UnknownCommands } from './unknown-commands.ts';

/** The node chosen for a call, and when the call was made. */
export interface Pin {
  readonly node: ConnectionNode;
  readonly since: number;
  /** Covers waiting and dialling. */
  readonly acquire: Deadline;
}

const NO_ARGUMENTS: readonly RedisValue[] = [];

/** Makes calls with options, and batches: the careful path beside the fast path of `execute`. */
export class PoolRequests {
  readonly factory: CallFactory;
  readonly #loop: RetryLoop;
  readonly #topology: Topology;
  cache: PoolCache | null = null;
  readonly #unknown: UnknownCommands;
  readonly #traces: PoolTraces;
  readonly #tracesCalls: boolean;
  #closed: PoolClosedError | null = null;

  constructor(
    loop: RetryLoop,
    topology: Topology,
    factory: CallFactory,
    poolTraces: PoolTraces,
    tracesCalls: boolean,
  ) {
    this.#tracesCalls = tracesCalls;
    this.#traces = poolTraces;
    this.#loop = loop;
    this.#topology = topology;
    this.factory = factory;
    this.#unknown = new UnknownCommands(topology, (name, limits) =>
      this.#request('COMMAND', ['INFO', name], { ...limits, decode: true }, null, null, undefined, null),
    );
  }

  close(error: PoolClosedError): void {
    this.#closed = error;
  }

  /** `since`: monotonic ms from which the time limit counts; null for now. */
  request(
    command: string | Uint8Array,
    args: readonly RedisValue[],
    options: PoolRequestOptions,
    pin: Pin | null = null,
    since: number | null = null,
    script: Script | undefined = undefined,
  ): PoolRequest<Reply> {
    if (!this.#tracesCalls) return this.#traced(command, args, options, pin, since, script);
    const make = (): PoolRequest<Reply> => this.#traced(command, args, options, pin, since, script);
    return withCallStack(make, options);
  }

  #traced(
    command: string | Uint8Array,
    args: readonly RedisValue[],
    options: PoolRequestOptions,
    pin: Pin | null,
    since: number | null,
    script: Script | undefined,
  ): PoolRequest<Reply> {
    if (!traces.command.active) return this.#request(command, args, options, pin, since, script, null);
    let info: CommandInfo;
    try {
      demandArray(args);
      info = this.factory.infoOf(command, args);
    } catch {
      return this.#request(command, args, options, pin, since, script, null);
    }
    return this.#traces.command(info, args, (traced) =>
      this.#request(command, args, options, pin, since, script, traced),
    );
  }

  #request(
    command: string | Uint8Array,
    args: readonly RedisValue[],
    options: PoolRequestOptions,
    pin: Pin | null,
    since: number | null,
    script: Script | undefined,
    traced: TracedCall | null,
  ): PoolRequest<Reply> {
    try {
      if (this.#closed !== null) throw this.#closed;
      checkCallOptions(options);
      if (options.splitMultiKey === true) {
        const info = this.factory.infoOf(command, args);
        const parts = this.#topology.split?.(info, args) ?? null;
        if (parts !== null) return this.#requestParts(info, parts, options);
      }
      const timeout = checkDuration('timeout', options.timeout);
      const signal = checkSignal('signal', options.signal);
      const reads = pin === null && mayBeCached(options);
      if (this.cache !== null && reads && signal?.aborted !== true) {
        const info = this.factory.infoOf(command, args);
        const answer =
          info.name === 'MGET'
            ? this.#keysFromCache(this.cache, info, args, options, since)
            : this.cache.answer(command, info, args, options, since);
        if (answer !== null) {
          // A cached value needed no request. A shared reply has `maybeExecuted` already.
          if (!('maybeExecuted' in answer))
            void Object.defineProperty(answer, 'maybeExecuted', { value: false });
          return answer as PoolRequest<Reply>;
        }
      }
      const call = this.factory.make(command, args, options, pin !== null, script);
      if ((call.info.flags & UNKNOWN) !== 0 && this.#unknown.mustAsk(call.info))
        return this.#afterLearning(call, command, args, options, pin, since, traced);
      traced?.follow(call);
      if (pin !== null) {
        call.pinned = pin.node;
        call.startedAt = pin.since;
        if (!pin.acquire.unlimited) call.acquireBy = pin.acquire.at;
      }
      if (since !== null) call.startedAt = since;
      this.factory.limit(call, args, options.timeout === undefined ? undefined : timeout);
      call.callSignal = signal;
      call.signal = call.blocks ? null : signal;
      if (signal?.aborted === true) throw signal.reason;
      if (pin === null) this.#topology.route(call, args);
      const promise = call.promise as Promise<Reply> as PoolRequest<Reply>;
      this.cache?.attach(call, promise, args, reads);
      this.#loop.start(call);
      return promise;
    } catch (error) {
      traced?.fail(error);
      const rejected = Promise.reject(error) as PoolRequest<Reply>;
      return Object.defineProperty(rejected, 'maybeExecuted', { value: false }) as PoolRequest<Reply>;
    }
  }

  #isUnknown(entry: CommandRequest): boolean {
    checkCommandRequest(entry);
    return this.#unknown.mustAsk(this.factory.infoOf(entry.command, entry.args ?? []));
  }

  /** Asks a server about a command missing in the tables, because its traits decide how it is sent. */
  #afterLearning(
    { info, startedAt }: PoolCall,
    command: string | Uint8Array,
    args: readonly RedisValue[],
    options: PoolRequestOptions,
    pin: Pin | null,
    since: number | null,
    traced: TracedCall | null,
  ): PoolRequest<Reply> {
    const words = typeof command === 'string' ? command : Buffer.from(command);
    const values = args.map(kept);
    let call: PoolRequest<Reply> | null = null;
    const { signal, timeout } = options;
    const from = since ?? (pin === null ? startedAt : null);
    const promise = this.#unknown.learn(info.name, { signal, timeout }).then(() => {
      call = this.#request(words, values, options, pin, from, undefined, traced);
      return call;
    });
    const maybeExecuted = { get: () => call?.maybeExecuted ?? false };
    return Object.defineProperty(promise, 'maybeExecuted', maybeExecuted) as PoolRequest<Reply>;
  }

  /** Calls a script by its SHA, and by its text if the server does not have it. */
  run(
    script: Script,
    keys: readonly RedisValue[],
    args: readonly RedisValue[] | undefined,
    options: PoolRequestOptions | undefined,
  ): PoolRequest<Reply> {
    try {
      if (!(script instanceof Script)) throw new TypeError('the script must be made by defineScript()');
      const plain = options === undefined && this.cache === null && this.#closed === null;
      if (plain && !this.#tracesCalls && !traces.command.active)
        return this.#runPlain(script, keys, args ?? NO_ARGUMENTS);
      const call = script.command(keys, args);
      return this.request(call.command, call.args, options ?? {}, null, null, script);
    } catch (error) {
      const rejected = Promise.reject(error) as PoolRequest<Reply>;
      return Object.defineProperty(rejected, 'maybeExecuted', { value: false }) as PoolRequest<Reply>;
    }
  }

  /** The fast path of `run`, as `execute` has one. */
  #runPlain(script: Script, keys: readonly RedisValue[], args: readonly RedisValue[]): PoolRequest<Reply> {
    const { textMode, ownMode, streamTimeout } = this.factory.defaults;
    const info = script.headOf(keys, args);
    const values = args.length === 0 ? keys : [...keys, ...args];
    const call = makeScriptCall(script, this.#loop, info, values, textMode, ownMode);
    call.startedAt = thisTurn();
    if (streamTimeout !== null) call.limit = streamTimeout;
    const node = this.#topology.route(call, values);
    if (node !== null && call.prelude === null && node.submitNow(call)) {
      call.attempts = 1;
      call.node = node;
    } else {
      this.#loop.start(call);
    }
    return call.promise as Promise<Reply> as PoolRequest<Reply>;
  }

  /** Throws if a call to a chosen node is not allowed; sends nothing. */
  checkPinned(command: string | Uint8Array, args: readonly RedisValue[], options: PoolRequestOptions): void {
    checkCallOptions(options);
    if (options.splitMultiKey === true)
      throw new TypeError(
        'splitMultiKey is no option of executeOn, which sends the whole command to each node',
      );
    checkDuration('timeout', options.timeout);
    checkSignal('signal', options.signal);
    this.factory.make(command, args, options, true);
  }

  /** The full name of a command; asks a server if the tables lack the command. */
  async learnedName(
    command: string | Uint8Array,
    args: readonly RedisValue[],
    { signal, timeout }: PoolRequestOptions,
  ): Promise<string> {
    const info = this.factory.infoOf(command, args);
    if ((info.flags & UNKNOWN) === 0) return info.name;
    if (this.#unknown.mustAsk(info)) await this.#unknown.learn(info.name, { signal, timeout });
    const told = toldOf(info.name) ?? [];
    const [longer, shorter] = [this.factory.infoOf(command, args).name, info.name];
    const found = [longer, shorter].find((name) => told.some((one) => one.name === name));
    if (found !== undefined) return found;
    throw new UnknownCommandError(`${longer}: the server does not describe this command`, {
      command: longer,
    });
  }

  batch(commands: readonly CommandRequest[], options: PoolRequestOptions): Promise<(Reply | RedisError)[]> {
    if (!this.#tracesCalls) return this.#tracedBatch(commands, options);
    return withCallStacks(() => this.#tracedBatch(commands, options), options);
  }

  #tracedBatch(
    commands: readonly CommandRequest[],
    options: PoolRequestOptions,
  ): Promise<(Reply | RedisError)[]> {
    if (!traces.batch.active || !Array.isArray(commands)) return this.#batch(commands, options, null);
    const names = commands.map(commandWordOf);
    return this.#traces.batch('batch', names, (watch) => this.#batch(commands, options, watch));
  }

  async #batch(
    commands: readonly CommandRequest[],
    options: PoolRequestOptions,
    watch: WatchCalls | null,
  ): Promise<(Reply | RedisError)[]> {
    if (this.#closed !== null) throw this.#closed;
    const { noreply, disconnectOnCancellation, splitMultiKey, idempotent, readFrom } =
      checkCallOptions(options);
    if (!Array.isArray(commands)) throw new TypeError('the commands of a batch must be an array');
    const timeout = checkDuration('timeout', options.timeout);
    const signal = checkSignal('signal', options.signal);
    const unknown = commands.filter((entry) => this.#isUnknown(entry));
    if (unknown.length > 0) {
      const copies = commands.map((entry) => ({ ...entry, args: entry.args?.map(kept) }));
      const names = unknown.map(({ command, args = [] }) => this.factory.infoOf(command, args).name);
      await Promise.all(
        names.map((name) => this.#unknown.learn(name, { signal: options.signal, timeout: options.timeout })),
      );
      return this.#batch(copies, options, watch);
    }
    const answers: Promise<Reply | RedisError>[] = [];
    const calls: PoolCall[] = [];
    const split = new Map<PoolCall, readonly CommandPart[]>();
    for (const entry of commands) {
      checkCommandRequest(entry);
      const { command, args = [], decode, encoding } = entry;
      const own = { decode, encoding, noreply, disconnectOnCancellation, idempotent, readFrom };
      const call = this.factory.make(command, args, own, false, scriptOf(entry));
      answers.push((call.promise as Promise<Reply>).catch((error: unknown) => asEntry(call, error)));
      this.factory.limit(call, args, options.timeout === undefined ? undefined : timeout);
      call.callSignal = signal;
      call.signal = call.blocks ? null : signal;
      const parts = splitMultiKey === true ? (this.#topology.split?.(call.info, args) ?? null) : null;
      if (parts === null) this.#topology.route(call, args);
      else split.set(call, parts);
      calls.push(call);
    }
    watch?.(calls);
    if (traces.command.active) this.#traceParts(calls, commands);
    if (signal?.aborted === true) {
      for (const call of calls) call.giveUp(signal.reason);
      return Promise.all(answers);
    }
    for (const [index, call] of calls.entries()) {
      const { args = [], decode, encoding } = commands[index]!;
      const parts = split.get(call);
      if (parts === undefined) {
        this.cache?.attach(call, call.promise, args, false);
        this.#loop.start(call);
      } else this.#startParts(call, parts, { ...options, decode, encoding, cache: false });
    }
    return Promise.all(answers);
  }

  /** Begins the traces of a batch's commands, after all of them were checked. */
  #traceParts(calls: readonly PoolCall[], commands: readonly CommandRequest[]): void {
    const part = { batchMode: 'PIPELINE', batchSize: calls.length } as const;
    for (const [index, call] of calls.entries()) this.#traces.follow(call, commands[index]?.args ?? [], part);
  }

  /** Answers an MGET from the cache, unless its keys are in several slots: then it is refused or split as usual. */
  #keysFromCache(
    cache: PoolCache,
    info: CommandInfo,
    args: readonly RedisValue[],
    options: PoolRequestOptions,
    since: number | null,
  ): PoolRequest<Reply> | null {
    if ((this.#topology.split?.(info, args) ?? null) !== null) return null;
    return cache.answerKeys(info, args, options, since);
  }

  #requestParts(
    info: CommandInfo,
    parts: readonly CommandPart[],
    options: PoolRequestOptions,
  ): PoolRequest<Reply> {
    const own: PoolRequestOptions = { ...options, splitMultiKey: false, raiseExceptions: true };
    // Reject an invalid argument before any part is sent.
    const { textMode: text } = this.factory.defaults;
    const command = info.words[0]!;
    for (const part of parts) encodeCommand(this.factory.infoOf(command, part.args), part.args, text);
    const requests = parts.map((part) => this.#request(command, part.args, own, null, null, undefined, null));
    const joined = joinParts(info.name, parts, requests, options.raiseExceptions ?? true);
    const get = (): boolean => requests.some(({ maybeExecuted }) => maybeExecuted);
    return Object.defineProperty(joined, 'maybeExecuted', { get }) as PoolRequest<Reply>;
  }

  /** Sends the parts instead of the call, and settles the call with their joined result. */
  #startParts(call: PoolCall, parts: readonly CommandPart[], options: PoolRequestOptions): void {
    const joined = this.#requestParts(call.info, parts, options);
    joined.then(
      (value) => call.answer(value),
      (error: unknown) => {
        call.everWritten = joined.maybeExecuted;
        call.giveUp(error);
      },
    );
  }
}

/** Whether a call with these options may use the cache. */
function mayBeCached(options: PoolRequestOptions): boolean {
  if (options.cache === false || options.noreply === true || options.disconnectOnCancellation === true)
    return false;
  return options.decode === undefined && options.encoding === undefined;
}

/** The result of a failed command in a batch. */
function asEntry(call: PoolCall, error: unknown): RedisError {
  const aborted = call.callSignal?.aborted === true && error === call.callSignal.reason;
  if (error instanceof RedisError && !aborted) return error;
  const { maybeExecuted } = call;
  const command = call.info.name;
  return new RequestAbortedError(`${command} was aborted`, { cause: error, maybeExecuted, command });
}
