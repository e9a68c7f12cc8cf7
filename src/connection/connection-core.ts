import type { Duplex } from 'node:stream';
import { reportCallbackError } from '../base/callback-errors.ts';
import { unwatchSignal, watchSignal } from '../base/signal-registry.ts';
import {
  ConnectionError,
  OverloadedError,
  type RedisError,
  type RedisErrorOptions,
  ProtocolError,
  type TimeoutError,
  withoutFrames,
} from '../errors/errors.ts';
import type { Reply } from '../resp/types.ts';
import { ConnectionCounters } from './connection-statistics.ts';
import { CoreObserver, type CoreSettings, type CoreState } from './core-observer.ts';
import { DeadlineSweep } from './requests/deadline-sweep.ts';
import { type Entry, type EntryHost, SETTLED, settle, WRITTEN } from './requests/entry.ts';
import type { IdleWatch } from './session/idle-watch.ts';
import { Inbox } from './reading/inbox.ts';
import { endOfMessages, failAll, lossOf, timeoutOf } from './requests/losses.ts';
import { type Peer, peerAt, type SanitizeArguments } from './requests/request-traces.ts';
import { Outbox, THIS_TICK, THIS_TURN } from './requests/outbox.ts';
import { Reception } from './reading/reception.ts';
import { SessionState } from './session/session-state.ts';
import { reportClosed } from './opening/connection-events.ts';
import { Suspicion } from './session/suspicion.ts';

export { BULK } from './reading/reception.ts';
export { CoreObserver };
export type { CoreSettings, CoreState };

/** Bits: reasons why a connection takes no new work for a moment. */
export const RESERVED = { credentials: 1, tracking: 2, stream: 4 } as const;

const STATES: readonly CoreState[] = ['new', 'dialling', 'handshake', 'ready', 'closed'];

/**
 * The engine of one connection: writes the entries of commands, and assigns replies to them. It does not open the
 * transport or run the handshake, and is not reused after it closes.
 *
 *     submit → Outbox ─ one flush per tick → transport → Reception ┬ reply → head of the Outbox
 *                                                                  └ push  → Inbox
 */
export class ConnectionCore implements EntryHost {
  readonly settings: CoreSettings;
  readonly counters = new ConnectionCounters();
  readonly session = new SessionState();
  readonly outbox: Outbox;
  readonly inbox: Inbox;
  readonly reception: Reception;
  readonly suspicion: Suspicion;
  readonly state: CoreState = 'new';
  transport: Duplex | null = null;
  /** Commands queued now get no reply: `CLIENT REPLY OFF` is written before them. */
  muted = false;
  /** Number of the lease or occupation that has the connection now; 0: none. */
  leaseId = 0;
  /** Why the owner gives the connection no new work: bits of `RESERVED`; 0 for none. */
  reserved = 0;
  /** Monotonic ms. Until then the server is being moved, so silence does not count against it. */
  relaxedUntil = 0;
  /** The default time limit in ms, which `relaxedUntil` extends; limits chosen by a caller stand. */
  relaxedLimit = 0;
  /** Number of replies being streamed to a reader. */
  streams = 0;
  /** The socket is paused because the reader of a streamed reply is slow. */
  stalled = false;
  /** The owner closes the connection once no caller waits for a reply. */
  draining = false;
  /** The owner; set by `observe`. */
  readonly observer: CoreObserver | null = null;
  /** Callers wait for room in the outbox. The observer's `room()` is called, and no later command overtakes them. */
  backlogged = false;
  idleWatch: IdleWatch | null = null;
  /** Why the connection ended. */
  failure: Error | null = null;
  readonly #sweep: DeadlineSweep;

  constructor(settings: CoreSettings) {
    this.settings = settings;
    this.outbox = new Outbox(this);
    this.inbox = new Inbox(this);
    this.reception = new Reception(this);
    this.suspicion = new Suspicion(
      this.outbox,
      (limit) => this.close(this.error(ConnectionError, `nothing arrived for ${limit} ms after a time-out`)),
      () => this.observer?.changed(),
    );
    this.#sweep = new DeadlineSweep(this.outbox, (entries) => this.#expireAll(entries));
  }

  /** The name of the pool that made the connection, for events. */
  poolName: string | null = null;
  /** The pool's `sanitizeArguments`: shows arguments to subscribers of traces. */
  sanitizeArguments: SanitizeArguments | null = null;
  #peer: Peer | null = null;
  /** The client id from the reply to HELLO. */
  clientId: number | null = null;

  get peer(): Peer {
    this.#peer ??= peerAt(this.settings.endpoint);
    return this.#peer;
  }

  /** Gives the connection its owner, once and for all. */
  observe(observer: CoreObserver): void {
    if (this.observer !== null) throw new Error('the connection has an owner already');
    (this as { observer: CoreObserver | null }).observer = observer;
  }

  /** Changes the state; nothing else does. States only go forwards, and `closed` is final. */
  move(to: CoreState): void {
    if (STATES.indexOf(to) <= STATES.indexOf(this.state))
      throw this.failure ?? new Error(`a connection cannot go from ${this.state} to ${to}`);
    (this as { state: CoreState }).state = to;
  }

  /** Takes the open transport. Early bytes may have closed the connection already; then the transport is destroyed. */
  attach(transport: Duplex): void {
    this.transport = transport;
    if (this.state === 'closed') return this.#destroy();
    this.move('handshake');
    this.counters.opened();
    transport.on('drain', () => {
      this.outbox.blocked = false;
      this.flush();
    });
  }

  /** Commands waiting for a reply plus commands not yet written. */
  get outstanding(): number {
    return this.outbox.length;
  }
  /** Size in bytes of the bulk reply that is arriving; 0 before its header is complete. */
  get pendingBulk(): number {
    return this.reception.pendingBulk;
  }
  /** A request timed out and nothing has arrived since it was written. */
  get suspect(): boolean {
    return this.suspicion.active;
  }

  /** Takes the entry into the queue. The caller has checked that the connection is usable. */
  submit(entry: Entry): void {
    if (this.state === 'closed') return this.#tooLate(entry);
    entry.host = this;
    this.outbox.push(entry);
    if (entry.isPlain) this.counters.requestsCreated++;
    else if (!this.#register(entry)) return;
    this.outbox.plan(entry.leaseId === 0 ? THIS_TICK : THIS_TURN);
    if (this.inbox.paused) this.inbox.resumeForReplies();
  }

  #tooLate(entry: Entry): void {
    settle(entry);
    entry.fail(lossOf(this, entry, false));
  }

  /** Records the session effect, signal and time limit of an entry; false if its signal had already fired. */
  #register(entry: Entry): boolean {
    if (!entry.streamed) this.counters.requestsCreated++;
    if (entry.effect !== null) {
      this.session.queued(entry.effect);
      if (entry.effect.kind === 'reset') this.#resets(entry);
    }
    if (entry.blocking) this.session.blocking++;
    if (entry.limit !== 0) {
      if (entry.deadline === 0) entry.deadline = performance.now() + entry.limit;
      this.#sweep.arm(entry.deadline);
    }
    if (entry.signal === null || watchSignal(entry.signal, entry)) return true;
    // The signal fired while an earlier waiter's abort was admitting this entry.
    this.#giveUp(entry, entry.signal.reason);
    return false;
  }

  /** Queues a `CLIENT REPLY` and notes whether the commands after it get replies. */
  replyMode(mode: string | null, entry: Entry): void {
    const word = mode?.toUpperCase();
    if (word === 'ON' || word === 'OFF' || word === 'SKIP') entry.replyMode = word;
    entry.noreply = word === 'OFF' || word === 'SKIP';
    this.submit(entry);
    if (word === 'ON') this.muted = false;
    if (word === 'OFF') this.muted = true;
  }

  /** RESET also ends CLIENT REPLY OFF, and the server answers it. */
  #resets(entry: Entry): void {
    entry.replyMode = 'ON';
    this.muted = false;
  }

  /** Whether a command of `size` bytes fits into `maxBufferedBytes`. A larger one fits if nothing else is queued. */
  hasRoom(size: number): boolean {
    const { outbox } = this;
    if (!outbox.blocked && outbox.queuedBytes + size <= this.settings.maxBufferedBytes) return true;
    return this.#mayGoAlone(size);
  }

  #mayGoAlone(size: number): boolean {
    const { queuedBytes, blocked } = this.outbox;
    const queued = queuedBytes + (blocked ? (this.transport?.writableLength ?? 0) : 0);
    return queued === 0 || queued + size <= this.settings.maxBufferedBytes;
  }

  /** Rejects the caller of an entry. A written entry keeps its place in the queue until its reply comes. */
  cancel(entry: Entry, error: unknown): void {
    if (entry.phase === SETTLED) return;
    this.#giveUp(entry, error);
    if (entry.dropOnCancel) this.#drop(entry);
  }

  #giveUp(entry: Entry, error: unknown): void {
    const written = entry.phase === WRITTEN;
    this.release(entry);
    settle(entry);
    if (written) {
      entry.wire = '';
    } else {
      this.outbox.withdraw(entry);
      this.uncount(entry);
      if (entry.effect !== null) this.session.withdrawn(entry.effect);
    }
    entry.fail(error);
    // Nobody waits for this command any more: the owner decides whether to keep the connection for its reply.
    if (this.draining || (written && entry.blocking)) this.observer?.changed();
  }

  #drop(entry: Entry): void {
    if (this.observer?.sparesOthers(entry) === true) return;
    this.close(this.error(ConnectionError, `${entry.info.name} was cancelled`));
  }

  /** Takes bytes from the transport, which may overwrite `chunk` once this returns. */
  received(chunk: Buffer, length: number): void {
    if (this.outbox.holding) this.outbox.hold(chunk.subarray(0, length));
    else if (this.state !== 'closed') this.reception.receive(chunk, length);
  }

  /** Gives the transport the memory for its next read; null: any. */
  lend(): Buffer | null {
    return this.reception.lend();
  }

  /** Completes an entry whose acknowledgements (pushes) have all arrived, and frees its place in the queue. */
  acknowledged(entry: Entry, frames: Reply[]): void {
    this.outbox.shift();
    if (entry.effect !== null) this.session.replied(entry.effect, true);
    this.uncount(entry);
    if (entry.phase === SETTLED) return;
    this.release(entry);
    settle(entry);
    entry.succeed(frames);
  }

  flush(): void {
    this.outbox.done();
    this.outbox.now();
  }

  /** Resolves written requests that get no reply. */
  complete(): void {
    for (const entry of this.outbox.takeComplete()) {
      this.uncount(entry);
      if (entry.effect !== null) this.session.replied(entry.effect, true);
      this.release(entry);
      this.session.skipping = entry.replyMode === 'SKIP';
      settle(entry);
      entry.succeed(null);
    }
    this.counters.lastRequestResolvedAt = Date.now();
    if (this.draining) this.observer?.changed();
  }

  /** Counts an entry as resolved: it has left the queue, or was never written. */
  uncount(entry: Entry): void {
    if (!entry.streamed) this.counters.requestsResolved++;
    if (entry.blocking) this.session.blocking--;
  }

  /** Detaches an entry from its signal and its time limit. */
  release(entry: Entry): void {
    if (entry.signal !== null) {
      unwatchSignal(entry.signal, entry);
      entry.signal = null;
    }
    entry.deadline = 0;
  }

  #expireAll(entries: readonly Entry[]): void {
    let drop: Entry | null = null;
    const patient = performance.now() < this.relaxedUntil;
    for (const entry of entries) {
      // Expiring an earlier entry may have settled this one.
      if (entry.deadline === 0 || entry.phase === SETTLED) continue;
      if (patient && entry.limit === this.relaxedLimit) {
        entry.deadline = this.relaxedUntil;
        this.#sweep.arm(entry.deadline);
        continue;
      }
      this.#expire(entry);
      if (entry.dropOnCancel) drop = entry;
    }
    if (drop !== null) this.#drop(drop);
  }

  #expire(entry: Entry): void {
    const silent = this.#isSilent(entry);
    const { limit } = entry;
    this.#giveUp(entry, timeoutOf(this, entry, entry.phase === WRITTEN, limit));
    if (silent) this.#doubt(limit);
  }

  waitedInVain(entry: Entry, limit: number): TimeoutError {
    if (this.#isSilent(entry)) this.#doubt(limit);
    return timeoutOf(this, entry, entry.phase === WRITTEN, limit);
  }

  /** The entry was written, and nothing has arrived since; commands that block do not count. */
  #isSilent(entry: Entry): boolean {
    return entry.phase === WRITTEN && entry.heard === this.outbox.heard && !entry.blocking;
  }

  #doubt(limit: number): void {
    if (this.observer !== null && this.state === 'ready') this.suspicion.raise(limit);
  }

  /** Ends the connection at once; outstanding requests fail with `reason` as their cause. */
  close(reason: Error): void {
    if (this.state === 'closed') return;
    if (this.outbox.busy) return this.outbox.end(reason);
    this.reception.finish();
    if ((this.state as CoreState) === 'closed') return;
    const wasReady = this.state === 'ready';
    this.move('closed');
    this.failure = reason;
    this.#sweep.stop();
    this.idleWatch?.stop();
    this.suspicion.stop();
    this.#destroy();
    this.settings.destroyed?.();
    const lost = this.outbox.takeAll();
    if (wasReady) reportClosed(this, reason, lost.length);
    failAll(this, lost, reason);
    this.inbox.end(endOfMessages(this, reason), reason instanceof ProtocolError);
    this.observer?.closed(reason);
  }

  /** Destroys the transport. `destroy()` of a user's transport may throw; the connection ends anyway. */
  #destroy(): void {
    try {
      this.transport?.destroy();
    } catch (error) {
      reportCallbackError(this, 'destroy() of a transport', error);
    }
  }

  overflowed(what: string): void {
    const bound = `maxBufferedBytes (${this.settings.maxBufferedBytes})`;
    this.close(this.error(OverloadedError, `unread ${what} exceed ${bound}`));
  }

  /** Makes an error whose text and `endpoint` name this connection. */
  error<E, O extends RedisErrorOptions>(
    type: new (text: string, options?: O) => E,
    what: string,
    options?: Omit<O, 'endpoint'>,
  ): E {
    return new type(this.text(what), { ...options, endpoint: this.settings.endpoint } as O);
  }

  /** Makes the error of one command. It has no stack frames, because none of them would be the caller's. */
  commandError<E extends RedisError, O extends RedisErrorOptions | undefined>(
    type: new (text: string, options: O) => E,
    command: string,
    text: string,
    options: Omit<NonNullable<O>, 'endpoint' | 'command'>,
  ): E {
    const { endpoint } = this.settings;
    return withoutFrames(type, text, { ...options, command, endpoint } as O & RedisErrorOptions);
  }

  text(what: string): string {
    return `Connection to ${this.settings.endpoint}: ${what}`;
  }
}
