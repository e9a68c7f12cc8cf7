import type { CommandInfo } from '../../commands/command-info.ts';
import type { BaseConnection } from '../../connection/base-connection.ts';
import { QUEUED, takeMethods } from '../../connection/requests/entry.ts';
import { sizeOf } from '../../connection/writing/outbox.ts';
import { capture, making, unset } from '../../connection/opening/resolving.ts';
import type { ConnectionNode } from '../../node/connection-node.ts';
import { encodeCommand, type Wire } from '../../resp/encoder.ts';
import type { DecodeMode, RedisValue, Reply, TextMode } from '../../resp/types.ts';
import type { RoutedCall } from '../../topology/topology.ts';
import { DetailedEntry } from './call-details.ts';

/** Who decides what becomes of a call whose attempt failed. */
export interface CallOwner {
  failed(call: PoolCall, error: unknown, refused: boolean): void;
}

export interface PoolCall extends DetailedEntry {}
/**
 * One call of a pool: the entry that waits in a connection's queue, and what is needed to make another attempt.
 * Its wire form is kept until it settles, so that a repetition sends what was given, whatever became of the
 * caller's buffers.
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the constructor sets every field, and a test counts them.
export class PoolCall implements RoutedCall {
  readonly info: CommandInfo;
  private readonly owner: CallOwner;
  readonly promise: Promise<never>;
  resolve: (value: never) => void;
  reject: (error: unknown) => void;
  attempts: number;
  startedAt: number;
  slot: number;
  node: ConnectionNode<BaseConnection> | null;

  constructor(
    owner: CallOwner,
    info: CommandInfo,
    wire: Wire,
    size: number,
    mode: DecodeMode,
    kind: typeof Promise<never> = Promise,
  ) {
    this.info = info;
    this.wire = wire;
    this.size = size;
    this.mode = mode;
    this.phase = QUEUED;
    this.deadline = 0;
    this.limit = 0;
    this.heard = 0;
    this.traits = 0;
    this.tenure = 0;
    this.signal = null;
    this.host = null;
    this.effect = null;
    this.details = null;
    this.owner = owner;
    this.attempts = 0;
    this.startedAt = 0;
    this.slot = -1;
    this.node = null;
    this.resolve = unset;
    this.reject = unset;
    making.target = this;
    this.promise = new kind(capture);
    making.target = null;
  }

  get maybeExecuted(): boolean {
    return this.everWritten || this.sent;
  }

  /** Waiting has an end. */
  get bounded(): boolean {
    return this.overall;
  }

  succeed(value: Reply): void {
    this.resolve(value as never);
  }
  refuse(error: Error): void {
    this.owner.failed(this, error, true);
  }
  fail(error: unknown): void {
    this.owner.failed(this, error, false);
  }

  /** Fit to be queued once more. */
  again(): void {
    this.phase = QUEUED;
    this.keepsBytes = true;
    // A limit of the whole call goes on; one of each reply starts when it is queued.
    this.heard = 0;
    if (this.overall) this.deadline = this.startedAt + this.limit;
    this.host = null;
    this.signal = this.callSignal;
  }
}

takeMethods(PoolCall, DetailedEntry);

/**
 * A promise that knows its call. To the language it is a plain one: what is chained to it is plain again, and it is
 * awaited without a detour.
 */
class RequestPromise extends Promise<never> {
  #call: PoolCall | null = null;

  get maybeExecuted(): boolean {
    return this.#call?.maybeExecuted === true;
  }
  belongTo(call: PoolCall): void {
    this.#call = call;
  }
}
void Object.defineProperty(RequestPromise.prototype, 'constructor', { value: Promise });

/** One call: what is given is encoded now, and what cannot be throws. */
export function makeCall(
  owner: CallOwner,
  info: CommandInfo,
  args: readonly RedisValue[],
  text: TextMode,
  mode: DecodeMode,
  kind?: typeof Promise<never>,
): PoolCall {
  const wire = encodeCommand(info, args, text);
  return new PoolCall(owner, info, wire, sizeOf(wire), mode, kind);
}

/** The same, with a promise that tells whether its command may have been executed. */
export function makeRequest(
  owner: CallOwner,
  info: CommandInfo,
  args: readonly RedisValue[],
  text: TextMode,
  mode: DecodeMode,
): PoolCall {
  const call = makeCall(owner, info, args, text, mode, RequestPromise);
  (call.promise as RequestPromise).belongTo(call);
  return call;
}
