import { takeMethods } from '../../base/classes.ts';
import type { Deadline } from '../../base/deadline.ts';
import type { CommandInfo } from '../../commands/command-info.ts';
import { SCRIPT_LIKE } from '../../commands/flags.ts';
import type { BaseConnection } from '../../connection/base-connection.ts';
import { Entry, move, type Phase, QUEUED, capture, making, unset } from '../../connection/requests/entry.ts';
import { AskError } from '../../errors/errors.ts';
import { isRehashing } from '../../errors/reply-errors.ts';
import type { ConnectionNode } from '../../node/connection-node.ts';
import { encodeCommand, type Wire, wireLength } from '../../resp/encoder.ts';
import type { RedisValue, Reply } from '../../resp/types.ts';
import type { DecodeMode, TextMode } from '../../resp/text-modes.ts';
import type { ReadFrom } from '../../topology/reads/read-from.ts';
import type { RoutedCall } from '../../topology/topology.ts';

const QUIET = 1 << 16;
const OVERALL = 1 << 17;
const ENDLESS = 1 << 18;
const BLOCKS = 1 << 19;
const EVER_WRITTEN = 1 << 20;
const ASKING = 1 << 21;
const IDEMPOTENT = 1 << 22;
const ONCE = 1 << 23;
const LEASES = 1 << 24;

/** Makes the entries to send directly before a call, for the connection that the call uses. */
export type Prelude = (connection: BaseConnection) => readonly Entry[];

/** Called with the outcome of a call before its caller is. */
interface CallHook {
  resolved(value: Reply): void;
  rejected(): void;
}

/** Fields that only few calls need. */
class Details {
  hook: CallHook | null = null;
  signal: AbortSignal | null = null;
  pinned: ConnectionNode | null = null;
  acquireBy = 0;
  redirects = 0;
  readFrom: ReadFrom | null = null;
  prelude: Prelude | null = null;
}

/**
 * The rare properties of a pool's call: bits, and an object that only calls with such properties have.
 *
 * @testable
 */
export abstract class DetailedEntry extends Entry {
  details: Details | null = null;

  /** False: an error reply resolves as a value. */
  get raise(): boolean {
    return (this.traits & QUIET) === 0;
  }
  set raise(on: boolean) {
    this.mark(QUIET, !on);
  }
  /** `limit` covers the whole call with all attempts; otherwise it applies to each reply. */
  get overall(): boolean {
    return (this.traits & OVERALL) !== 0;
  }
  set overall(on: boolean) {
    this.mark(OVERALL, on);
  }
  /** `timeout: null` was given: not even the pool's limit on waiting applies. */
  get endless(): boolean {
    return (this.traits & ENDLESS) !== 0;
  }
  set endless(on: boolean) {
    this.mark(ENDLESS, on);
  }
  /** The command blocks, so it gets an exclusive connection. */
  get blocks(): boolean {
    return (this.traits & BLOCKS) !== 0;
  }
  set blocks(on: boolean) {
    this.mark(BLOCKS, on);
  }
  /** An earlier attempt was written, and its outcome is unknown. */
  get everWritten(): boolean {
    return (this.traits & EVER_WRITTEN) !== 0;
  }
  set everWritten(on: boolean) {
    this.mark(EVER_WRITTEN, on);
  }
  /** Whether the call may be repeated after its reply was lost; null if the retry policy decides. */
  get idempotent(): boolean | null {
    if ((this.traits & (IDEMPOTENT | ONCE)) === 0) return null;
    return (this.traits & IDEMPOTENT) !== 0;
  }
  set idempotent(may: boolean | null) {
    this.mark(IDEMPOTENT, may === true);
    this.mark(ONCE, may === false);
  }
  /** The call is not a single entry: `place` leases a connection and runs several commands on it. */
  get leases(): boolean {
    return (this.traits & LEASES) !== 0;
  }
  set leases(on: boolean) {
    this.mark(LEASES, on);
  }
  get asking(): boolean {
    return (this.traits & ASKING) !== 0;
  }
  set asking(on: boolean) {
    this.mark(ASKING, on);
  }

  get hook(): CallHook | null {
    return this.details === null ? null : this.details.hook;
  }
  set hook(hook: CallHook | null) {
    if (hook !== null || this.details !== null) this.detailed().hook = hook;
  }
  get callSignal(): AbortSignal | null {
    return this.details === null ? null : this.details.signal;
  }
  set callSignal(signal: AbortSignal | null) {
    if (signal !== null || this.details !== null) this.detailed().signal = signal;
  }
  /** The node that the caller has chosen; redirects are not followed. */
  get pinned(): ConnectionNode | null {
    return this.details === null ? null : this.details.pinned;
  }
  set pinned(node: ConnectionNode | null) {
    if (node !== null || this.details !== null) this.detailed().pinned = node;
  }
  /** For a call without `timeout`: monotonic ms by which it must have a connection, in any attempt; 0: not waiting. */
  get acquireBy(): number {
    return this.details === null ? 0 : this.details.acquireBy;
  }
  set acquireBy(at: number) {
    if (at !== 0 || this.details !== null) this.detailed().acquireBy = at;
  }
  /** Where a read goes; null for the pool's `readFrom`. */
  get readFrom(): ReadFrom | null {
    return this.details === null ? null : this.details.readFrom;
  }
  set readFrom(from: ReadFrom | null) {
    if (from !== null || this.details !== null) this.detailed().readFrom = from;
  }
  get redirects(): number {
    return this.details === null ? 0 : this.details.redirects;
  }
  set redirects(count: number) {
    if (count !== 0 || this.details !== null) this.detailed().redirects = count;
  }
  /** Makes the entries that are sent directly before each attempt. */
  get prelude(): Prelude | null {
    return this.details === null ? null : this.details.prelude;
  }
  set prelude(make: Prelude | null) {
    if (make !== null || this.details !== null) this.detailed().prelude = make;
  }

  private detailed(): Details {
    this.details ??= new Details();
    return this.details;
  }
}

/** Decides whether a call whose attempt failed is repeated. */
export interface CallOwner {
  failed(call: PoolCall, error: unknown, refused: boolean): void;
  /** Makes another attempt of a call, after `again()`. */
  start(call: PoolCall): void;
}

export interface PoolCall extends DetailedEntry {}
/**
 * One call of a pool: the entry in a connection's queue, with the state needed for another attempt. Its wire form is
 * kept until it settles, so that a repetition sends the original bytes even if the caller has changed its buffers.
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the constructor sets every field, and a test counts them.
export class PoolCall implements RoutedCall {
  readonly info: CommandInfo;
  readonly phase: Phase;
  protected readonly owner: CallOwner;
  readonly promise: Promise<never>;
  resolve: (value: never) => void;
  reject: (error: unknown) => void;
  attempts: number;
  startedAt: number;
  slot: number;
  node: ConnectionNode | null;

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
    this.leaseId = 0;
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

  /** The call has a limit of its own, so waiting ends. */
  get bounded(): boolean {
    return this.overall;
  }

  /** Resolves the caller's promise. */
  answer(value: Reply): void {
    const { hook } = this;
    if (hook !== null) hook.resolved(value);
    this.resolve(value as never);
  }
  /** Rejects the caller's promise. */
  giveUp(error: unknown): void {
    const { hook } = this;
    if (hook !== null) hook.rejected();
    this.reject(error);
  }

  /** Whether a call may have run in spite of its error reply: a script may have written before it failed. */
  mayHaveRun(error: Error): boolean {
    if ((this.info.flags & SCRIPT_LIKE) === 0) return false;
    // A server without slots never says that keys are on their way: the script does.
    return !(error instanceof AskError) && !(this.slot >= 0 && isRehashing(error));
  }

  /** Runs an attempt of a call with `leases`; rejects if no connection is available. */
  place(_node: ConnectionNode, _acquire: Deadline): Promise<void> {
    return Promise.resolve();
  }

  succeed(value: Reply): void {
    const { details } = this;
    if (details !== null && details.hook !== null) details.hook.resolved(value);
    this.resolve(value as never);
  }
  refuse(error: Error): void {
    this.owner.failed(this, error, true);
  }
  fail(error: unknown): void {
    this.owner.failed(this, error, false);
  }

  /** Resets the entry so that it can be queued again. */
  again(): void {
    move(this, QUEUED);
    this.keepsBytes = true;
    // A limit of the whole call continues; a limit of each reply starts when the call is queued.
    this.heard = 0;
    if (this.overall) this.deadline = this.startedAt + this.limit;
    this.host = null;
    this.signal = this.callSignal;
  }
}

takeMethods(PoolCall, DetailedEntry);

/**
 * A promise that knows its call. Its constructor is `Promise`, so that `await` takes it as it is and `then` returns
 * plain promises.
 */
export class RequestPromise extends Promise<never> {
  #call: PoolCall | null = null;

  get maybeExecuted(): boolean {
    return this.#call?.maybeExecuted === true;
  }
  static attach(call: PoolCall): void {
    (call.promise as RequestPromise).#call = call;
  }
}
void Object.defineProperty(RequestPromise.prototype, 'constructor', { value: Promise });

/** Makes a call and encodes its command now; throws for arguments that cannot be sent. */
export function makeCall(
  owner: CallOwner,
  info: CommandInfo,
  args: readonly RedisValue[],
  text: TextMode,
  mode: DecodeMode,
  kind?: typeof Promise<never>,
): PoolCall {
  const wire = encodeCommand(info, args, text);
  return new PoolCall(owner, info, wire, wireLength(wire), mode, kind);
}

/** As `makeCall`, with a promise that has `maybeExecuted`. */
export function makeRequest(
  owner: CallOwner,
  info: CommandInfo,
  args: readonly RedisValue[],
  text: TextMode,
  mode: DecodeMode,
): PoolCall {
  const call = makeCall(owner, info, args, text, mode, RequestPromise);
  RequestPromise.attach(call);
  return call;
}
let turn = 0;
let isNewTurn = true;
function turnOver(): void {
  isNewTurn = true;
}
/** Monotonic whole ms, read once for all calls of a tick. */
export function thisTurn(): number {
  if (isNewTurn) {
    isNewTurn = false;
    turn = Math.ceil(performance.now());
    process.nextTick(turnOver);
  }
  return turn;
}
