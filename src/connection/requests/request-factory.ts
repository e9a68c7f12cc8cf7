import { isUint8Array } from 'node:util/types';
import { demandObject } from '../../base/known-options.ts';
import { numberText } from '../../commands/arguments.ts';
import { blockingTime } from '../../commands/blocking.ts';
import { type CommandInfo, resolveCommand } from '../../commands/command-info.ts';
import {
  BLOCKING,
  CLIENT_REPLY,
  HAS_EFFECT,
  MAY_BLOCK,
  MONITOR,
  SUBSCRIBE_FAMILY,
} from '../../commands/flags.ts';
import { requestRefusal } from '../../commands/refusals.ts';
import { effectValue } from '../../commands/session-effects.ts';
import { OverloadedError, type RedisError } from '../../errors/errors.ts';
import { encodeCommand, wireLength } from '../../resp/encoder.ts';
import { latin1Text } from '../../resp/decoding/native-slices.ts';
import type { RedisValue, Reply } from '../../resp/types.ts';
import {
  BYTES,
  type DecodeMode,
  replyMode,
  type TextEncoding,
  type TextMode,
  textMode,
} from '../../resp/text-modes.ts';
import { CallStack, tracesCalls } from '../../errors/call-stacks.ts';
import { type BatchTrace, traces } from '../../telemetry/traces.ts';
import { Traced } from '../../telemetry/tracing.ts';
import type { ConnectionCore } from '../connection-core.ts';
import type { NormalizedConnectionOptions } from '../connection-options.ts';
import { type Entry, settle } from './entry.ts';
import type { ReplyStream } from './reply-stream.ts';
import { ByteStream, ItemStream } from './stream-entry.ts';
import { type PendingRequest, RequestEntry } from './request.ts';
import { BatchPart, PendingBatch, TracedPart } from './request-batch.ts';
import {
  type BatchOptions,
  type CommandRequest,
  checkBatchOptions,
  checkCommandRequest,
  checkRequestOptions,
  checkStreamOptions,
  demandArray,
  limitOf,
  type RequestOptions,
  signalOf,
  type StreamOptions,
} from './request-options.ts';
import { batchTrace, commandWordOf, keepCallStack, traceRequest } from './request-traces.ts';
import { effectFor } from '../session/session-effect.ts';
import { StreamedEntry, StreamedSubscription } from './streamed-entry.ts';

/** Commands that `request()` refuses. */
const REFUSED = SUBSCRIBE_FAMILY | CLIENT_REPLY;
/** Commands for which `#prepare` does more than set a time limit. */
const UNUSUAL = BLOCKING | MAY_BLOCK | HAS_EFFECT;
const NONE: readonly RedisValue[] = [];
/** Commands that a subscribed RESP2 connection still accepts. */
const WHILE_SUBSCRIBED: ReadonlySet<string> = new Set(['PING', 'QUIT', 'RESET']);

/** Turns calls into entries and queues them. A call is checked completely before any part of it is queued. */
export class RequestFactory {
  readonly #core: ConnectionCore;
  readonly #options: NormalizedConnectionOptions;
  readonly #textMode: TextMode;
  readonly #ownMode: DecodeMode;
  readonly #limit: number;
  readonly #tracesCalls: boolean;

  constructor(core: ConnectionCore, options: NormalizedConnectionOptions) {
    this.#core = core;
    this.#options = options;
    this.#textMode = textMode(options.encoding);
    this.#ownMode = replyMode(this.#textMode, options.decodeResponses);
    this.#limit = options.streamTimeout ?? 0;
    this.#tracesCalls = tracesCalls(options);
  }

  request<T extends Reply>(
    command: string | Uint8Array,
    args: readonly RedisValue[],
    options: RequestOptions | undefined,
  ): PendingRequest<T> {
    const core = this.#core;
    demandArray(args);
    const info = resolveCommand(command, args, this.#textMode);
    const { session } = core;
    if ((info.flags & REFUSED) !== 0 || session.monitoring || session.inPubsub) this.#admit(info);
    const wire = encodeCommand(info, args, this.#textMode);
    const mode = options === undefined ? this.#ownMode : this.#decodeMode(options);
    const request = new RequestEntry(info, wire, wireLength(wire), mode);
    if (options !== undefined || (info.flags & UNUSUAL) !== 0) {
      if (!this.#detail(request, args, options)) return request.promise;
    } else {
      request.leaseId = core.leaseId;
      request.limit = this.#limit;
    }
    if (!core.hasRoom(request.size)) throw this.#overloaded(request.size, info.name);
    if (core.observer !== null) core.observer.requested(request, args);
    if (this.#tracesCalls) keepCallStack(request);
    if (traces.command.active) traceRequest(core, request, args, null, () => core.submit(request));
    else core.submit(request);
    return request.promise;
  }

  /** Applies the rarer flags and options of a request; false if its signal had already fired. */
  #detail(request: RequestEntry, args: readonly RedisValue[], options: RequestOptions | undefined): boolean {
    this.#prepare(request, args, options?.timeout);
    if (options !== undefined) this.#apply(request, options);
    const { signal } = request;
    if (signal?.aborted !== true) return true;
    settle(request);
    request.signal = null;
    request.fail(signal.reason);
    return false;
  }

  /** With `refusal`, each command of a batch that cannot be queued gets that error. Without it, the call throws. */
  batch(
    commands: readonly CommandRequest[],
    options: BatchOptions | undefined,
    refusal: (() => RedisError | null) | null = null,
  ): PendingBatch {
    if (!traces.batch.active || !Array.isArray(commands)) return this.#batch(commands, options, refusal);
    const names = commands.map(commandWordOf);
    return traces.batch.begin(batchTrace(this.#core, names), Traced<BatchTrace>, (traced) => {
      const batch = this.#batch(commands, options, refusal);
      batch.then(
        () => traced.end(),
        (error: unknown) => traced.fail(error),
      );
      return batch;
    });
  }

  #batch(
    commands: readonly CommandRequest[],
    options: BatchOptions | undefined,
    refusal: (() => RedisError | null) | null,
  ): PendingBatch {
    if (!Array.isArray(commands)) throw new TypeError('the commands of a batch must be an array');
    checkBatchOptions(options);
    const timeout = limitOf(options?.timeout, this.#options.streamTimeout);
    const signal = signalOf(options);
    const batch = new PendingBatch(commands.length);
    if (this.#tracesCalls) batch.stack = CallStack.take();
    const kind = traces.command.active ? TracedPart : BatchPart;
    let size = 0;
    let monitoring = false;
    for (const entry of commands) {
      checkCommandRequest(entry);
      const { command, args = [], decode, encoding } = entry;
      demandArray(args);
      const info = resolveCommand(command, args, this.#textMode);
      this.#admit(info);
      if (monitoring) throw new TypeError('MONITOR must be the last command of a connection');
      monitoring ||= (info.flags & MONITOR) !== 0;
      const wire = encodeCommand(info, args, this.#textMode);
      const part = batch.add(kind, info, wire, this.#decodeMode({ decode, encoding }));
      this.#prepare(part, args, timeout);
      part.dropOnCancel = options?.disconnectOnCancellation ?? false;
      if (decode === true) part.strict = this.#options.decodeResponses === 'lenient';
      size += part.size;
    }
    if (commands.length === 0) return batch;
    if (signal?.aborted === true) {
      batch.cancel(signal.reason);
      return batch;
    }
    const overloaded = this.#core.hasRoom(size) ? null : this.#overloaded(size, 'a batch');
    const refused = refusal === null ? null : (refusal() ?? overloaded);
    if (refused !== null) {
      batch.refuse(refused);
      return batch;
    }
    if (overloaded !== null) throw overloaded;
    if (signal !== null) batch.watch(signal);
    // One start time for all parts, so that they time out together, before the first one closes the connection.
    const now = performance.now();
    const { observer } = this.#core;
    const of = { batchMode: 'PIPELINE', batchSize: commands.length } as const;
    let index = 0;
    for (const part of batch.parts) {
      if (part.limit !== 0) part.deadline = now + part.limit;
      const args = commands[index++]?.args ?? NONE;
      if (observer !== null) observer.requested(part, args);
      if (!(part instanceof TracedPart)) this.#core.submit(part);
      else traceRequest(this.#core, part, args, of, () => this.#core.submit(part));
    }
    return batch;
  }

  /** Streams a reply: the items of an aggregate if `items`, otherwise the bytes of a string. */
  stream(
    command: string | Uint8Array,
    args: readonly RedisValue[],
    options: StreamOptions | undefined,
    items: boolean,
  ): ReplyStream<unknown> {
    const core = this.#core;
    demandArray(args);
    checkStreamOptions(options);
    const info = resolveCommand(command, args, this.#textMode);
    this.#admit(info);
    if ((info.flags & MONITOR) !== 0) throw new TypeError('MONITOR has no reply to stream');
    if (core.muted) throw new TypeError('a noreply connection has no replies to stream');
    if (core.session.inTransaction)
      throw new TypeError('streaming is not possible inside MULTI: EXEC answers every command');
    const wire = encodeCommand(info, args, this.#textMode);
    const mode = items ? this.#decodeMode(options ?? {}) : BYTES;
    const entry = items ? new ItemStream(core, info, wire, mode) : new ByteStream(core, info, wire, mode);
    this.#prepare(entry, args, options?.timeout);
    entry.signal = signalOf(options);
    entry.signal?.throwIfAborted();
    if (!core.hasRoom(entry.size)) throw this.#overloaded(entry.size, info.name);
    core.observer?.requested(entry, args);
    if (traces.command.active) traceRequest(core, entry, args, null, () => entry.submit());
    else entry.submit();
    return entry.stream;
  }

  send(command: string | Uint8Array, args: readonly RedisValue[]): void {
    const core = this.#core;
    demandArray(args);
    const info = resolveCommand(command, args, this.#textMode);
    const subscribes = (info.flags & SUBSCRIBE_FAMILY) !== 0;
    const setsReplies = (info.flags & CLIENT_REPLY) !== 0;
    this.#demandMode(info);
    if ((subscribes || setsReplies) && core.session.inTransaction) {
      throw new TypeError(`${info.name} is not possible inside MULTI: EXEC answers every command`);
    }
    const wire = encodeCommand(info, args, this.#textMode);
    const entry = subscribes
      ? new StreamedSubscription(core, info, wire, this.#ownMode, this.#names(info, args))
      : new StreamedEntry(core.inbox, info, wire, this.#ownMode);
    this.#prepare(entry, args, null);
    if (!core.hasRoom(entry.size)) throw this.#overloaded(entry.size, info.name);
    core.observer?.requested(entry, args);
    // The server refuses CLIENT REPLY with any other number of words, and nothing changes.
    const words = info.count + args.length - info.nameLength;
    if (setsReplies && words === 1) core.replyMode(effectValue(info, args), entry);
    else if (entry instanceof StreamedSubscription) entry.submitTo(core);
    else core.submit(entry);
  }

  #admit(info: CommandInfo): void {
    if ((info.flags & REFUSED) !== 0) throw new TypeError(requestRefusal(info));
    this.#demandMode(info);
  }

  /** Throws if a command that another method sends is not allowed now, inside MULTI included. */
  demandOutsideTransaction(command: string): void {
    this.#demandMode(resolveCommand(command, []));
    if (this.#core.session.inTransaction) {
      throw new TypeError(`${command} is not possible inside MULTI: EXEC answers every command`);
    }
  }

  #demandMode(info: CommandInfo): void {
    const { session } = this.#core;
    if (session.monitoring) throw new TypeError('MONITOR is on: this connection takes no further commands');
    if (session.resp !== 2 || !session.inPubsub) return;
    if ((info.flags & SUBSCRIBE_FAMILY) !== 0 || WHILE_SUBSCRIBED.has(info.name)) return;
    throw new TypeError('a subscribed RESP2 connection takes only the SUBSCRIBE family');
  }

  #overloaded(size: number, what: string): OverloadedError {
    const bound = `maxBufferedBytes (${this.#options.maxBufferedBytes})`;
    return this.#core.error(OverloadedError, `${what} (${size} bytes) would exceed ${bound}`);
  }

  #prepare(entry: Entry, args: readonly RedisValue[], timeout: number | null | undefined): void {
    const { info } = entry;
    let limit = limitOf(timeout, this.#options.streamTimeout);
    if ((info.flags & (BLOCKING | MAY_BLOCK)) !== 0) {
      const time = blockingTime(info, args);
      if (time !== null) {
        entry.blocking = true;
        this.#core.session.blocksFor(time);
        // On a pool's connection the default limit starts after the blocking time. A limit given with the call, and
        // `streamTimeout` of a connection of one's own, apply as they are.
        if (timeout === undefined && limit !== null && this.#core.leaseId !== 0) {
          limit = time === Number.POSITIVE_INFINITY ? null : limit + time;
        }
      }
    }
    entry.effect = effectFor(info, args);
    entry.leaseId = this.#core.leaseId;
    if (limit !== null) entry.limit = limit;
  }

  #apply(request: Entry & { raise: boolean }, options: RequestOptions): void {
    checkRequestOptions(options);
    request.raise = options.raiseExceptions ?? true;
    if (options.decode === true) request.strict = this.#options.decodeResponses === 'lenient';
    request.dropOnCancel = options.disconnectOnCancellation ?? false;
    request.signal = signalOf(options);
    if (options.noreply !== true) return;
    if (this.#core.session.inTransaction) {
      throw new TypeError('noreply is not possible inside MULTI: EXEC answers every command');
    }
    request.noreply = true;
  }

  #decodeMode(options: { decode?: boolean | undefined; encoding?: TextEncoding | undefined }): DecodeMode {
    demandObject(options);
    const mode = options.encoding === undefined ? this.#textMode : textMode(options.encoding);
    return replyMode(mode, options.decode ?? this.#options.decodeResponses);
  }

  /** The names of a SUBSCRIBE as acknowledgements report them: latin1, one character per byte. */
  #names(info: CommandInfo, args: readonly RedisValue[]): string[] {
    const words = [...info.words.slice(info.nameLength), ...args];
    const encoding = this.#options.encoding === 'ascii' ? 'latin1' : this.#options.encoding;
    return words.map((word) => {
      if (typeof word === 'string') return Buffer.from(word, encoding).toString('latin1');
      return isUint8Array(word) ? latin1Text(word) : numberText(word);
    });
  }
}
