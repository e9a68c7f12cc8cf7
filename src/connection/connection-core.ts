import type { Duplex } from 'node:stream';
import { unwatchSignal, watchSignal } from '../base/signal-registry.ts';
import {
  ConnectionError,
  InvalidResponse,
  locateError,
  OverloadedError,
  ProtocolError,
  type RedisError,
  TimeoutError,
} from '../errors/errors.ts';
import { Decoder, INCOMPLETE } from '../resp/decoder.ts';
import type { DecodeMode, Reply } from '../resp/types.ts';
import { ConnectionCounters } from './connection-statistics.ts';
import { DeadlineSweep } from './deadline-sweep.ts';
import { type Entry, type EntryHost, QUEUED, SETTLED, WRITTEN } from './entry.ts';
import { IdleWatch } from './idle-watch.ts';
import { Inbox } from './inbox.ts';
import { Outbox } from './outbox.ts';
import { SessionState } from './session-state.ts';

/** A reply that big holds up whoever is behind it. */
export const BULK = 1024 * 1024;
const ERROR = 1;
const PUSH = 2;

/** new → dialling → handshake → ready → closed; a connection lives once. */
export type CoreState = 'new' | 'dialling' | 'handshake' | 'ready' | 'closed';

/** What the owner of a pooled connection wants to hear. All calls come after the state has changed. */
export interface CoreObserver {
  /** Nothing is outstanding any more. */
  drained(): void;
  /** The connection ended; `error` says why. */
  closed(error: Error): void;
  /** It became fit or unfit for new work: suspicion, a bulk reply under way, an unread message. */
  changed(): void;
  /** An entry that should take its connection along was cancelled. True: others are on it, it is retired instead. */
  sparesOthers(entry: Entry): boolean;
}

export interface CoreSettings {
  readonly endpoint: string;
  readonly ownMode: DecodeMode;
  readonly maxBufferedBytes: number;
}

/**
 * The engine of one connection: entries go in, bytes go out, replies find their entry again. It knows neither
 * how a transport is opened nor what a handshake is, and it is never healed.
 *
 *     submit → Outbox ─ one flush per tick → transport → received → Decoder ┬ reply → head of the Outbox
 *                                                                           └ push  → Inbox
 */
export class ConnectionCore implements EntryHost {
  readonly settings: CoreSettings;
  readonly counters = new ConnectionCounters();
  readonly session = new SessionState();
  readonly outbox: Outbox;
  readonly inbox: Inbox;
  state: CoreState = 'new';
  transport: Duplex | null = null;
  /** No reply will ever come: the connection was put into `CLIENT REPLY OFF`. */
  muted = false;
  /** Who makes requests now; a pool counts it up with every lease. */
  tenure = 0;
  /** A request timed out and nothing has arrived since it was written. */
  suspect = false;
  /** Kept from new work by its owner. */
  reserved = false;
  observer: CoreObserver | null = null;
  /** There may be room for more output again. */
  onRoom: (() => void) | null = null;
  idleWatch: IdleWatch | null = null;
  /** Why it ended. */
  failure: Error | null = null;
  readonly #decoder = new Decoder();
  readonly #sweep: DeadlineSweep;
  #flushing = false;
  #bulk = false;
  /** A message that began while nothing was asked can never answer what was asked since. */
  #orphan = false;
  #suspicion: NodeJS.Timeout | null = null;
  #skipNext = false;

  constructor(settings: CoreSettings) {
    this.settings = settings;
    this.outbox = new Outbox(this.counters);
    this.inbox = new Inbox(this);
    this.#sweep = new DeadlineSweep(this.outbox, (entry) => this.#expire(entry));
  }

  attach(transport: Duplex): void {
    this.transport = transport;
    this.state = 'handshake';
    this.counters.opened();
    transport.on('drain', () => {
      this.outbox.blocked = false;
      this.flush();
    });
  }

  /** Replies that are awaited, and commands that wait to be written. */
  get outstanding(): number {
    return this.outbox.length;
  }
  /** Size of the bulk reply that is arriving now, as far as its header has been seen. */
  get pendingBulk(): number {
    return this.#decoder.pendingBulk;
  }

  /** Takes the entry into the queue. The caller has checked that the connection is usable. */
  submit(entry: Entry): void {
    entry.host = this;
    if (!entry.streamed) this.counters.requestsCreated++;
    if (this.muted || this.#skipNext) {
      entry.noreply = true;
      entry.muted = true;
      this.#skipNext = false;
    }
    this.outbox.push(entry);
    if (entry.effect !== null) this.session.queued(entry.effect);
    if (entry.blocking) this.session.blocking++;
    if (entry.limit !== 0) {
      if (entry.deadline === 0) entry.deadline = performance.now() + entry.limit;
      this.#sweep.arm(entry.deadline);
    }
    if (entry.signal !== null) watchSignal(entry.signal, entry);
    if (!this.#flushing) {
      this.#flushing = true;
      process.nextTick(flush, this);
      this.counters.lastRequestCreatedAt = Date.now();
    }
    if (this.inbox.paused) this.inbox.resumeForReplies();
  }

  /** `CLIENT REPLY` itself, with what it does to the commands after it. */
  replyMode(mode: string | null, entry: Entry): void {
    const word = mode?.toUpperCase();
    if (word === 'ON') this.muted = false;
    entry.noreply = entry.muted = word === 'OFF' || word === 'SKIP';
    this.submit(entry);
    if (word === 'OFF') this.muted = true;
    if (word === 'SKIP') this.#skipNext = true;
  }

  /** Is there room for a command of that size? One that is larger than the bound may go alone. */
  hasRoom(size: number): boolean {
    const queued = this.outbox.queuedBytes + (this.outbox.blocked ? (this.transport?.writableLength ?? 0) : 0);
    return queued === 0 || queued + size <= this.settings.maxBufferedBytes;
  }

  /** Settles an entry for its caller; its place in the queue stays taken once it was written. */
  cancel(entry: Entry, error: unknown): void {
    if (entry.phase === SETTLED) return;
    const written = entry.phase === WRITTEN;
    this.#release(entry);
    entry.phase = SETTLED;
    if (written) {
      entry.wire = '';
    } else {
      this.outbox.withdraw(entry);
      this.#uncount(entry, false);
      if (entry.effect !== null) this.session.withdrawn(entry.effect);
    }
    entry.fail(error);
    if (entry.dropOnCancel && this.observer?.sparesOthers(entry) !== true) {
      this.close(new ConnectionError(this.text(`${entry.info.name} was cancelled`)));
    }
  }

  /** Bytes from the transport; they may be overwritten once this returns. */
  received(chunk: Buffer, length: number): void {
    if (this.state === 'closed') return;
    this.outbox.heard++;
    this.counters.received(length);
    if (this.suspect) this.#clearSuspicion();
    const before = this.counters.requestsResolved;
    try {
      this.#decoder.feed(chunk, 0, length);
      this.#deliver();
      if (this.#closedNow()) return;
      this.#decoder.retain();
    } catch (error) {
      this.close(error instanceof ProtocolError ? error : this.#unexpected(error));
      return;
    }
    if (this.counters.requestsResolved !== before) this.counters.lastRequestResolvedAt = Date.now();
    const bulk = this.#decoder.pendingBulk > BULK;
    if (bulk !== this.#bulk) {
      this.#bulk = bulk;
      this.observer?.changed();
    }
    if (this.outbox.length === 0) this.observer?.drained();
  }

  #deliver(): void {
    const own = this.settings.ownMode;
    const decoder = this.#decoder;
    const outbox = this.outbox;
    for (;;) {
      const head = outbox.head();
      const value = decoder.read(head === undefined ? own : head.mode, own);
      if (value === INCOMPLETE) {
        if (head === undefined && !decoder.idle) this.#orphan = true;
        return;
      }
      if (decoder.kind === PUSH) {
        this.inbox.push(value as Reply[], head);
      } else if (head === undefined || this.#orphan) {
        this.#orphan = false;
        this.#unasked(value, decoder.kind === ERROR);
      } else {
        this.#answer(head, value, decoder.kind === ERROR);
      }
      if (this.state === 'closed') return;
    }
  }

  #answer(entry: Entry, value: Reply, refused: boolean): void {
    if (this.session.resp === 2 && this.inbox.takesAsPush(value, entry)) return;
    if (entry.byPush && !refused) {
      throw new ProtocolError(this.text(`the reply to ${entry.info.name} did not come as a push`));
    }
    this.outbox.shift();
    if (entry.effect !== null) this.session.replied(entry.effect, !refused);
    this.#uncount(entry, true);
    if (entry.phase === SETTLED) return;
    if (entry.deadline !== 0 || entry.signal !== null) this.#release(entry);
    entry.phase = SETTLED;
    if (refused) {
      locateError(value as RedisError, this.settings.endpoint, entry.info.name);
      entry.refuse(value as RedisError);
    } else entry.succeed(value);
  }

  /** The place of an entry that pushes acknowledge is free. */
  acknowledged(entry: Entry, frames: Reply[]): void {
    this.outbox.shift();
    this.#uncount(entry, true);
    if (entry.phase === SETTLED) return;
    this.#release(entry);
    entry.phase = SETTLED;
    entry.succeed(frames);
  }

  #unasked(value: Reply, refused: boolean): void {
    if (this.session.resp === 2 && this.inbox.takesAsPush(value, undefined)) return;
    if (this.session.monitoring && !refused) {
      this.inbox.stream(value);
      return;
    }
    // A server that is full says so before it is asked anything.
    if (refused && this.state === 'handshake') this.close(value as unknown as Error);
    else throw new ProtocolError(this.text('a reply came that nothing had asked for'));
  }

  flush(): void {
    this.#flushing = false;
    const transport = this.transport;
    if (transport === null || this.state === 'closed' || this.outbox.blocked) return;
    const complete = this.outbox.flush(transport);
    this.counters.lastByteWrittenAt = Date.now();
    if (this.onRoom !== null) this.onRoom();
    if (complete !== null) this.#complete(complete);
    this.idleWatch?.wrote();
  }

  #complete(entries: Entry[]): void {
    for (const entry of entries) {
      this.#uncount(entry, true);
      if (entry.effect !== null) this.session.replied(entry.effect, true);
      this.#release(entry);
      entry.phase = SETTLED;
      entry.succeed(null);
    }
    if (this.outbox.length === 0) this.observer?.drained();
  }

  #uncount(entry: Entry, counted: boolean): void {
    if (!entry.streamed) this.counters.requestsResolved++;
    if (entry.blocking) this.session.blocking--;
    if (!counted && this.outbox.length === 0) this.observer?.drained();
  }

  #release(entry: Entry): void {
    if (entry.signal !== null) {
      unwatchSignal(entry.signal, entry);
      entry.signal = null;
    }
    entry.deadline = 0;
  }

  #expire(entry: Entry): void {
    const written = entry.phase === WRITTEN;
    const silent = written && entry.heard === this.outbox.heard;
    const limit = entry.limit;
    this.cancel(
      entry,
      new TimeoutError(
        this.text(`${entry.info.name} timed out after ${limit} ms ${written ? 'waiting for its reply' : 'unsent'}`),
        { phase: 'reply', maybeExecuted: written, command: entry.info.name, endpoint: this.settings.endpoint },
      ),
    );
    if (silent && !entry.blocking && this.observer !== null && this.state === 'ready') this.#becomeSuspect(limit);
  }

  #becomeSuspect(limit: number): void {
    if (this.suspect) return;
    this.suspect = true;
    this.#suspicion = setTimeout(() => {
      this.close(new ConnectionError(this.text(`nothing arrived for ${limit} ms after a time-out`)));
    }, limit);
    this.#suspicion.unref();
    this.observer?.changed();
  }

  #clearSuspicion(): void {
    this.suspect = false;
    if (this.#suspicion !== null) clearTimeout(this.#suspicion);
    this.#suspicion = null;
    this.observer?.changed();
  }

  /** Ends the connection, now and for good; whatever is outstanding fails with `reason` beneath. */
  close(reason: Error): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.failure = reason;
    this.#sweep.stop();
    this.idleWatch?.stop();
    if (this.#suspicion !== null) clearTimeout(this.#suspicion);
    this.transport?.destroy();
    const entries = this.outbox.takeAll();
    this.#failAll(entries, reason);
    this.inbox.end(reason, reason instanceof ProtocolError);
    this.observer?.closed(reason);
  }

  #failAll(entries: Entry[], reason: Error): void {
    const trace = Error.stackTraceLimit;
    // One error each, so that each names its command; a hundred thousand stacks would stop the process.
    if (entries.length > 100) Error.stackTraceLimit = 0;
    let first = true;
    for (const entry of entries) {
      this.#uncount(entry, true);
      if (entry.phase === SETTLED) continue;
      const maybeExecuted = entry.phase !== QUEUED;
      this.#release(entry);
      entry.phase = SETTLED;
      entry.fail(first && maybeExecuted && reason instanceof ProtocolError ? reason : this.loss(entry, maybeExecuted));
      if (maybeExecuted) first = false;
    }
    Error.stackTraceLimit = trace;
  }

  loss(entry: Entry, maybeExecuted: boolean): ConnectionError {
    const fate = maybeExecuted ? 'it may have been executed' : 'it was not sent';
    return new ConnectionError(`${this.failure?.message ?? 'Connection lost'} (${entry.info.name}: ${fate})`, {
      maybeExecuted,
      command: entry.info.name,
      endpoint: this.settings.endpoint,
      cause: this.failure,
    });
  }

  overflowed(what: string): void {
    this.close(
      new OverloadedError(this.text(`unread ${what} exceed maxBufferedBytes (${this.settings.maxBufferedBytes})`), {
        endpoint: this.settings.endpoint,
      }),
    );
  }

  text(what: string): string {
    return `Connection to ${this.settings.endpoint}: ${what}`;
  }

  #closedNow(): boolean {
    return this.state === 'closed';
  }

  #unexpected(error: unknown): Error {
    return new InvalidResponse(this.text('a reply could not be read'), { cause: error });
  }
}

/** Scheduled with `process.nextTick`: it runs when every continuation of this turn has queued what it wants. */
function flush(core: ConnectionCore): void {
  core.flush();
}
