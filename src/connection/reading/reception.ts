import { InvalidResponse, locateError, ProtocolError, RedisError } from '../../errors/errors.ts';
import { type DecodingError, holdsBytes } from '../../resp/decoding-error.ts';
import { notText } from '../requests/losses.ts';
import { PartialReader } from '../../resp/decoding/partial-reader.ts';
import { SMALLEST } from '../../resp/decoding/spare-memory.ts';
import type { Reply } from '../../resp/types.ts';
import type { DecodeMode } from '../../resp/text-modes.ts';
import { ATTRIBUTE, BLOB_ERROR, ERROR as ERROR_TYPE, PUSH as PUSH_TYPE } from '../../resp/wire-types.ts';
import type { ConnectionCore } from '../connection-core.ts';
import { type Entry, move, SETTLED, settle } from '../requests/entry.ts';
import type { StreamEntry } from '../requests/stream-entry.ts';
import type { SubscriptionEntry } from '../requests/subscription-entry.ts';
import { redact, redactInside } from '../redaction/redaction.ts';

/** A reply of this size delays the replies behind it. */
export const BULK = 1024 * 1024;
/** Delivery pauses after a slice only if its bytes, plus `REPLY` for each reply, exceed this. */
const WORTHWHILE = 1400;
const REPLY = 64;
/** This many bytes of an unfinished message prove a live peer; a stalled one may send fewer. */
const TRICKLE = 16 * 1024;
const ALL = Number.POSITIVE_INFINITY;
/** Turns of the microtask queue that callers get to queue new commands between two slices. */
const WAITS = 8;
const TURN = Promise.resolve();
const ERROR = 1;
const PUSH = 2;
const NOTHING = 3;

/** Decodes incoming bytes and gives each reply to the command at the head of the queue. */
export class Reception {
  readonly #core: ConnectionCore;
  readonly #decoder = new PartialReader();
  #bulk = false;
  /** The message that is arriving began while nothing was outstanding: it cannot answer a later command. */
  #orphan = false;
  /** Memory of a large reply, lent to the transport so that its next read goes there without a copy. */
  #lent: Buffer | null = null;
  /** Some replies that have arrived are not delivered yet. */
  #sliced = false;
  #waits = 0;
  /** Bytes since the last sign of life. */
  #trickle = 0;
  /** Number of commands written in total when the current bytes arrived; later ones cannot be answered by them. */
  #answerable = 0;

  constructor(core: ConnectionCore) {
    this.#core = core;
  }

  /** Size in bytes of the bulk reply that is arriving; 0 before its header is complete. */
  get pendingBulk(): number {
    return this.#decoder.pendingBulk;
  }

  /** From now on replies are returned in the shapes of RESP2. */
  readAsResp2(): void {
    this.#decoder.resp2Shapes = true;
  }

  /** Allows strings of any length while replies are streamed. */
  takeHuge(on: boolean): void {
    this.#decoder.takeHuge(on);
  }

  /** The buffer to read the next bytes into; null if any will do. */
  lend(): Buffer | null {
    this.#lent = this.#core.state === 'closed' ? null : this.#decoder.room();
    return this.#lent;
  }

  receive(chunk: Buffer, length: number): void {
    const { counters, outbox, session } = this.#core;
    if (counters.firstByteReceivedAt === null) counters.firstByte();
    counters.lastByteReceivedAt = Date.now();
    counters.bytesRead += length;
    this.#trickle += length;
    if (this.#trickle >= TRICKLE) this.#heard();
    if (session.monitoring) this.#decoder.takeLongLines();
    // A second read in one tick: first hand out the replies of the first read, to the requests written before it.
    if (this.#sliced) this.#handOut(ALL);
    if (this.#core.state === 'closed') return;
    this.#answerable = outbox.answered + outbox.written;
    try {
      if (chunk === this.#lent) this.#decoder.filled(length);
      else this.#decoder.feed(chunk, 0, length);
    } catch (error) {
      this.#core.close(this.#explain(error));
      return;
    }
    this.#handOut(Math.ceil(outbox.written / 2));
  }

  /** Notes a sign of life: a message is complete, or `TRICKLE` bytes of one have arrived. */
  #heard(): void {
    const { outbox, suspicion } = this.#core;
    this.#trickle = 0;
    outbox.heard++;
    if (suspicion.active) suspicion.clear();
  }

  /** Delivers the replies that have arrived, because the connection is about to end. */
  finish(): void {
    if (!this.#sliced) return;
    this.#sliced = false;
    try {
      this.#deliver(ALL);
    } catch (error) {
      this.#core.close(this.#explain(error));
    }
  }

  readonly #goOn = (): void => {
    const { outbox } = this.#core;
    const asked = outbox.written < outbox.length;
    if (asked) outbox.early();
    if (!this.#sliced) return;
    if (!asked && this.#waits++ < WAITS) void TURN.then(this.#goOn);
    else this.#handOut(asked ? Math.ceil(outbox.written / 2) : ALL);
  };

  /** Delivers up to `slice` replies; the rest follow after their callers have queued new commands. */
  #handOut(slice: number): void {
    const core = this.#core;
    const { counters, outbox } = core;
    const before = counters.requestsResolved;
    this.#sliced = false;
    try {
      this.#sliced = this.#deliver(slice);
      if (core.state === 'closed') return;
      this.#decoder.retain();
    } catch (error) {
      core.close(this.#explain(error));
      return;
    }
    if (this.#sliced) {
      this.#waits = 0;
      void TURN.then(this.#goOn);
    }
    if (counters.requestsResolved !== before) counters.lastRequestResolvedAt = counters.lastByteReceivedAt;
    const bulk = this.#decoder.pendingBulk > BULK;
    if (bulk !== this.#bulk) {
      this.#bulk = bulk;
      core.observer?.changed();
    }
    if (outbox.length === 0) {
      if (core.inbox.full) core.inbox.settled();
      core.observer?.drained();
    } else if (core.draining) {
      core.observer?.changed();
    }
  }

  /** True if delivery stopped after a slice and more bytes are left. */
  #deliver(slice: number): boolean {
    const core = this.#core;
    const { inbox, outbox } = core;
    const decoder = this.#decoder;
    const from = decoder.unread;
    let replies = 0;
    for (;;) {
      const shortcut = inbox.pubsub === null ? null : inbox.shortcut;
      if (shortcut !== null && decoder.message(shortcut)) {
        this.#orphan = false;
        if (this.#trickle !== 0) this.#heard();
        if (core.state === 'closed') return false;
        continue;
      }
      // These bytes cannot answer a command that was written after they arrived.
      const head = outbox.answered < this.#answerable ? outbox.head() : undefined;
      const { pushMode } = inbox;
      decoder.unwanted = head !== undefined && head.phase === SETTLED && isDropped(head);
      const value = decoder.read(head === undefined ? this.#idleMode : head.mode, pushMode) as Reply;
      const { kind } = decoder;
      // Compare `kind`: comparing an arbitrary value with `INCOMPLETE` costs V8 a call.
      if (kind === NOTHING) {
        if (head !== undefined) {
          if (head.inPieces && head.phase !== SETTLED) (head as StreamEntry<unknown>).arrived(decoder);
        } else if (!decoder.idle) this.#orphaned(decoder.begun);
        return false;
      }
      if (this.#trickle !== 0) this.#heard();
      if (kind === PUSH) {
        if (decoder.top === null) decoder.undecodable = false;
        // This may be the message that began early. A push inside an aggregate says nothing about the aggregate.
        if (this.#orphan && decoder.top === null) this.#orphan = false;
        inbox.push(value as Reply[], head);
      } else if (head === undefined || this.#orphan) {
        decoder.undecodable = false;
        this.#orphan = false;
        this.#unasked(value, kind === ERROR);
      } else {
        if (decoder.undecodable) this.#undecoded(head, value, kind === ERROR);
        else this.#answer(head, value, kind === ERROR);
        replies++;
      }
      if (core.state === 'closed') return false;
      // Pause only while an answerable request is left.
      if (replies >= slice && outbox.answered < this.#answerable) {
        const { unread } = decoder;
        if (unread > 0 && from - unread + replies * REPLY > WORTHWHILE) return true;
      }
    }
  }

  /** How messages that answer no request are decoded. */
  get #idleMode(): DecodeMode {
    const { inbox, session, settings } = this.#core;
    return session.resp === 2 ? inbox.pushMode : settings.ownMode;
  }

  #answer(entry: Entry, value: Reply, refused: boolean): void {
    const core = this.#core;
    if (core.session.resp === 2 && core.inbox.takesAsPush(value, entry)) return;
    const usual = entry.isPlain && entry.phase !== SETTLED && entry.size < SMALLEST;
    if (refused || !usual || entry.mayHoldErrors) {
      // With several replies, the entry stays at the head until the last one, even if its caller has given up.
      if (entry.inParts && entry.part(value, refused, core.settings.endpoint)) {
        if (refused) core.observer?.refused(value as RedisError);
        return;
      }
      if (
        entry.byPush &&
        (entry as SubscriptionEntry).fence !== null &&
        !this.#refuses(entry, value, refused)
      ) {
        core.acknowledged(entry, []);
        if (core.state !== 'closed') this.#answer(core.outbox.head() as Entry, value, refused);
        return;
      }
      core.outbox.shift();
      this.#settle(entry, value, refused);
      return;
    }
    core.outbox.shift();
    core.counters.requestsResolved++;
    move(entry, SETTLED);
    entry.succeed(value);
  }

  /** For a reply at the place of a fenced command: true if it refuses the command, false if it answers the fence. */
  #refuses(entry: Entry, value: Reply, refused: boolean): boolean {
    const owner = (entry as SubscriptionEntry).ownerOf(value, refused);
    if (owner !== 'unclear') return owner === 'own refusal';
    throw this.#core.error(
      ProtocolError,
      `the replies to ${entry.info.name} cannot be matched to their requests`,
    );
  }

  /** Handles a reply decoded as text that holds invalid bytes. */
  #undecoded(entry: Entry, value: Reply, refused: boolean): void {
    const { session, settings } = this.#core;
    const byPush = session.resp === 2 && session.subscribed > 0;
    this.#decoder.undecodable = false;
    // The invalid bytes may have been in a push inside the reply.
    const isText = (settings.lenient && !entry.strict) || !holdsBytes(value);
    if (isText || refused || entry.streamed || entry.inPieces || entry.byPush || byPush) {
      this.#answer(entry, value, refused);
    } else if (!entry.inParts) {
      this.#core.outbox.shift();
      this.#settle(entry, value, false, notText(this.#core, entry.info.name, value, entry.mode));
    } else if (Array.isArray(value)) {
      const { info, mode } = entry;
      const entries = value.map((item) =>
        holdsBytes(item) ? notText(this.#core, info.name, item, mode) : item,
      );
      this.#answer(entry, entries, false);
    } else this.#answer(entry, value, false);
  }

  /** Settles an entry that is not plain, or whose reply needs a closer look. */
  #settle(entry: Entry, value: Reply, refused: boolean, undecoded: DecodingError | null = null): void {
    const core = this.#core;
    if (entry.effect !== null) {
      // The caller has given up, so the decoder dropped the value.
      const reply = entry.phase === SETTLED && !refused ? undefined : value;
      core.session.replied(entry.effect, !refused && !entry.byPush, reply);
    }
    core.uncount(entry);
    if (refused) {
      locateError(value as RedisError, core.settings.endpoint, entry.info.name);
      redact(value as RedisError, entry);
      core.observer?.refused(value as RedisError);
    }
    if (entry.phase === SETTLED) return;
    if (entry.deadline !== 0 || entry.signal !== null) core.release(entry);
    settle(entry);
    if (refused) {
      entry.refuse(value as RedisError);
      return;
    }
    if (entry.mayHoldErrors) {
      redactInside(value, core.settings.endpoint, entry);
      if (core.observer !== null && entry.info.name === 'EXEC' && Array.isArray(value))
        for (const one of value) if (one instanceof RedisError) core.observer.refused(one);
    }
    if (entry.size >= SMALLEST) core.outbox.reuse(entry, core.transport);
    if (undecoded !== null) entry.fail(undecoded);
    else if (entry.byPush) entry.answeredInBand(value);
    else entry.succeed(value);
  }

  #unasked(value: Reply, refused: boolean): void {
    const core = this.#core;
    if (core.session.resp === 2 && core.inbox.takesAsPush(value, undefined)) return;
    if (core.session.monitoring && !refused) {
      core.inbox.monitored(value);
      return;
    }
    // A server at maxclients sends its error unasked.
    if (refused && core.state !== 'ready') {
      (value as { endpoint?: string }).endpoint ??= core.settings.endpoint;
      core.close(value as Error);
    } else throw this.#unexpected();
  }

  /** A message began while nothing was outstanding: closes the connection unless its type allows that. */
  #orphaned(type: number): void {
    const { session, state } = this.#core;
    this.#orphan = true;
    if (type === PUSH_TYPE || type === ATTRIBUTE || session.monitoring || session.resp === 2) return;
    const refusal = type === ERROR_TYPE || type === BLOB_ERROR;
    if (!refusal || state === 'ready') throw this.#unexpected();
  }

  #unexpected(): ProtocolError {
    return this.#core.error(ProtocolError, 'unexpected reply: no request is pending');
  }

  #explain(error: unknown): Error {
    const core = this.#core;
    const { endpoint } = core.settings;
    if (error instanceof InvalidResponse && core.state === 'handshake') {
      const hint = 'is it a Redis or Valkey server, and TLS used on both sides or on none?';
      return core.error(InvalidResponse, `${error.message} (${hint})`, { cause: error });
    }
    if (error instanceof ProtocolError) {
      (error as { endpoint?: string }).endpoint ??= endpoint;
      return error;
    }
    return core.error(InvalidResponse, 'a reply could not be read', { cause: error });
  }
}

/** Whether the decoder may drop the reply of a settled entry, because nobody else reads it. */
function isDropped(entry: Entry): boolean {
  return !entry.inParts && !entry.byPush;
}
