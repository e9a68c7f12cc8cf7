import { checkDuration, checkSignal, type Deadline } from '../../base/deadline.ts';
import { blockingTime } from '../../commands/blocking.ts';
import { type CommandInfo, resolveCommand } from '../../commands/command-info.ts';
import {
  BLOCKING,
  CLIENT_REPLY,
  MAY_BLOCK,
  MONITOR,
  NEEDS_EXECUTE_ON,
  STATEFUL,
  SUBSCRIBE_FAMILY,
} from '../../commands/flags.ts';
import { refusal } from '../../commands/refusals.ts';
import type { BaseConnection } from '../../connection/base-connection.ts';
import {
  checkCommandRequest,
  type CommandRequest,
  demandArray,
} from '../../connection/requests/request-options.ts';
import { type PoolClosedError, RedisError, RequestAbortedError } from '../../errors/errors.ts';
import { encodeCommand } from '../../resp/encoder.ts';
import {
  BYTES,
  type DecodeMode,
  type RedisValue,
  type Reply,
  replyMode,
  type TextEncoding,
  type TextMode,
  textMode,
} from '../../resp/types.ts';
import type { ConnectionNode } from '../../node/connection-node.ts';
import type { CommandPart, Topology } from '../../topology/topology.ts';
import type { RetryLoop } from './retry-loop.ts';
import { checkRequestOptions, type PoolRequest, type PoolRequestOptions } from '../executor.ts';
import { makeRequest, type PoolCall } from './pool-call.ts';
import type { PoolCache } from '../cache/pool-cache.ts';
import { joinParts } from './split-command.ts';

const OF_ITS_CONNECTION = STATEFUL | SUBSCRIBE_FAMILY | CLIENT_REPLY | MONITOR;
/** What the fast way leaves to the careful one. */
export const UNUSUAL = OF_ITS_CONNECTION | BLOCKING | MAY_BLOCK | NEEDS_EXECUTE_ON;

/** The node that a call is for, and the clocks that run since it was made. */
export interface Pin {
  readonly node: ConnectionNode<BaseConnection>;
  readonly since: number;
  /** Waiting plus dialling. */
  readonly acquire: Deadline;
}

export interface RequestDefaults {
  readonly textMode: TextMode;
  readonly ownMode: DecodeMode;
  readonly streamTimeout: number | null;
}

/** Calls with options, and batches: the careful way beside the fast one. */
export class PoolRequests {
  readonly #loop: RetryLoop;
  readonly #topology: Topology<BaseConnection>;
  readonly #defaults: RequestDefaults;
  cache: PoolCache | null = null;
  #closed: PoolClosedError | null = null;

  constructor(loop: RetryLoop, topology: Topology<BaseConnection>, defaults: RequestDefaults) {
    this.#loop = loop;
    this.#topology = topology;
    this.#defaults = defaults;
  }

  close(error: PoolClosedError): void {
    this.#closed = error;
  }

  /** `since`: monotonic ms from which its time limit counts, when that is not now. */
  request(
    command: string | Uint8Array,
    args: readonly RedisValue[],
    options: PoolRequestOptions,
    pin: Pin | null = null,
    since: number | null = null,
  ): PoolRequest<Reply> {
    try {
      if (this.#closed !== null) throw this.#closed;
      checkRequestOptions(options);
      if (options.splitMultiKey === true) {
        const info = this.#infoOf(command, args);
        const parts = this.#topology.split?.(info, args) ?? null;
        if (parts !== null) return this.#requestParts(info, parts, options);
      }
      const timeout = checkDuration('timeout', options.timeout);
      const signal = checkSignal('signal', options.signal);
      const reads = pin === null && mayBeCached(options);
      if (this.cache !== null && reads && signal?.aborted !== true) {
        const answer = this.cache.answer(command, this.#infoOf(command, args), args, options, since);
        if (answer !== null) {
          // What is held needed no request; a reply that is shared knows its own.
          if (!('maybeExecuted' in answer))
            void Object.defineProperty(answer, 'maybeExecuted', { value: false });
          return answer as PoolRequest<Reply>;
        }
      }
      const call = this.#make(command, args, options, pin !== null);
      if (pin !== null) {
        call.pinned = pin.node;
        call.startedAt = pin.since;
        if (!pin.acquire.unlimited) call.acquireBy = pin.acquire.at;
      }
      const promise = call.promise as unknown as PoolRequest<Reply>;
      if (since !== null) call.startedAt = since;
      this.#limit(call, args, options.timeout === undefined ? undefined : timeout);
      call.callSignal = signal;
      call.signal = call.blocks ? null : signal;
      if (signal?.aborted === true) throw signal.reason;
      if (pin === null) this.#topology.route(call, args);
      this.cache?.attach(call, promise, args, reads);
      this.#loop.start(call);
      return promise;
    } catch (error) {
      const rejected = Promise.reject(error) as PoolRequest<Reply>;
      return Object.defineProperty(rejected, 'maybeExecuted', { value: false }) as PoolRequest<Reply>;
    }
  }

  /** Throws what a call to a chosen node is refused for; nothing is sent. */
  checkPinned(command: string | Uint8Array, args: readonly RedisValue[], options: PoolRequestOptions): void {
    checkRequestOptions(options);
    if (options.splitMultiKey === true)
      throw new TypeError('splitMultiKey: a command for chosen nodes goes to each of them as it is');
    checkDuration('timeout', options.timeout);
    checkSignal('signal', options.signal);
    this.#make(command, args, options, true);
  }

  #requestParts(
    info: CommandInfo,
    parts: readonly CommandPart[],
    options: PoolRequestOptions,
  ): PoolRequest<Reply> {
    const own: PoolRequestOptions = { ...options, splitMultiKey: false, raiseExceptions: true };
    // A value that is none must not come to light when other parts are on their way.
    const { textMode: text } = this.#defaults;
    const command = info.words[0]!;
    for (const part of parts) encodeCommand(this.#infoOf(command, part.args), part.args, text);
    const requests = parts.map((part) => this.request(command, part.args, own));
    const joined = joinParts(info.name, parts, requests, options.raiseExceptions ?? true);
    const get = (): boolean => requests.some(({ maybeExecuted }) => maybeExecuted);
    return Object.defineProperty(joined, 'maybeExecuted', { get }) as PoolRequest<Reply>;
  }

  /** The parts go instead of the call, which settles as they do. */
  #startParts(call: PoolCall, parts: readonly CommandPart[], options: PoolRequestOptions): void {
    const joined = this.#requestParts(call.info, parts, options);
    joined.then(
      (value) => call.resolve(value as never),
      (error: unknown) => {
        call.everWritten = joined.maybeExecuted;
        call.reject(error);
      },
    );
  }

  async batch(
    commands: readonly CommandRequest[],
    options: PoolRequestOptions,
  ): Promise<(Reply | RedisError)[]> {
    if (this.#closed !== null) throw this.#closed;
    const { noreply, disconnectOnCancellation, splitMultiKey } = checkRequestOptions(options);
    if (!Array.isArray(commands)) throw new TypeError('the commands of a batch must be an array');
    const timeout = checkDuration('timeout', options.timeout);
    const signal = checkSignal('signal', options.signal);
    const answers: Promise<Reply | RedisError>[] = [];
    const calls: PoolCall[] = [];
    const split = new Map<PoolCall, readonly CommandPart[]>();
    const { cache } = this;
    for (const entry of commands) {
      checkCommandRequest(entry);
      const { command, args = [], decode, encoding } = entry;
      const call = this.#make(command, args, { decode, encoding, noreply, disconnectOnCancellation });
      answers.push(
        call.promise.then(
          (value: Reply) => value,
          (error: unknown) => asEntry(call, error),
        ),
      );
      this.#limit(call, args, options.timeout === undefined ? undefined : timeout);
      call.callSignal = signal;
      call.signal = call.blocks ? null : signal;
      const parts = splitMultiKey === true ? (this.#topology.split?.(call.info, args) ?? null) : null;
      if (parts === null) this.#topology.route(call, args);
      else split.set(call, parts);
      calls.push(call);
    }
    if (signal?.aborted === true) {
      for (const call of calls) call.reject(signal.reason);
    } else {
      for (const [index, call] of calls.entries()) {
        const { args = [], decode, encoding } = commands[index]!;
        const parts = split.get(call);
        if (parts !== undefined) {
          this.#startParts(call, parts, { ...options, decode, encoding, cache: false });
          continue;
        }
        cache?.attach(call, call.promise, args, false);
        this.#loop.start(call);
      }
    }
    return Promise.all(answers);
  }

  #make(
    command: string | Uint8Array,
    args: readonly RedisValue[],
    options: PoolRequestOptions,
    chosen = false,
  ): PoolCall {
    demandArray(args);
    const info = this.#infoOf(command, args);
    if ((info.flags & OF_ITS_CONNECTION) !== 0) throw new TypeError(refusal(info));
    const refused = chosen ? null : this.#topology.refuse(info);
    if (refused !== null) throw refused;
    const call = makeRequest(this.#loop, info, args, this.#defaults.textMode, this.#mode(options));
    call.startedAt = performance.now();
    call.raise = options.raiseExceptions ?? true;
    call.noreply = options.noreply ?? false;
    call.dropOnCancel = options.disconnectOnCancellation ?? false;
    return call;
  }

  #infoOf(command: string | Uint8Array, args: readonly RedisValue[]): CommandInfo {
    return resolveCommand(command, args, this.#defaults.textMode);
  }

  /** A limit given with the call covers it whole; otherwise each reply has `streamTimeout`. */
  #limit(call: PoolCall, args: readonly RedisValue[], timeout: number | null | undefined): void {
    const time = this.#blockingTime(call.info, args);
    call.blocks = time !== null;
    if (timeout !== undefined) {
      call.endless = timeout === null;
      if (timeout === null) return;
      call.overall = true;
      call.limit = timeout;
      call.deadline = call.startedAt + timeout;
    } else if (this.#defaults.streamTimeout !== null) {
      if (time === Number.POSITIVE_INFINITY) return;
      call.limit = this.#defaults.streamTimeout + (time ?? 0);
    }
  }

  #blockingTime(info: CommandInfo, args: readonly RedisValue[]): number | null {
    return (info.flags & (BLOCKING | MAY_BLOCK)) === 0 ? null : blockingTime(info, args);
  }

  #mode(options: { decode?: boolean | undefined; encoding?: TextEncoding | undefined }): DecodeMode {
    const { textMode: own, ownMode } = this.#defaults;
    const mode = options.encoding === undefined ? own : textMode(options.encoding);
    return replyMode(mode, options.decode ?? ownMode > BYTES);
  }
}

/** Whether its reply may come from a cache, and go into one. */
function mayBeCached(options: PoolRequestOptions): boolean {
  if (options.cache === false || options.noreply === true || options.disconnectOnCancellation === true)
    return false;
  return options.decode === undefined && options.encoding === undefined;
}

/** What a batch holds in the place of a command that failed. */
function asEntry(call: PoolCall, error: unknown): RedisError {
  const aborted = call.callSignal?.aborted === true && error === call.callSignal.reason;
  if (error instanceof RedisError && !aborted) return error;
  const { maybeExecuted } = call;
  const command = call.info.name;
  return new RequestAbortedError(`${command} was aborted`, { cause: error, maybeExecuted, command });
}
