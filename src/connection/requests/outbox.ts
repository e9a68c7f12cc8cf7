import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { doubled } from '../../base/ring-queue.ts';
import type { Wire } from '../../resp/encoder.ts';
import { giveMemory } from '../../resp/decoding/spare-memory.ts';
import { ConnectionError } from '../../errors/errors.ts';
import type { ConnectionCore } from '../connection-core.ts';
import { type Entry, move, NOTED, QUEUED, SETTLED, WRITTEN } from './entry.ts';

const SKIP = '*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$4\r\nSKIP\r\n';
/** Longest string, in bytes, handed to the transport in one write. */
const CHUNK = 512 * 1024;
/** Small buffers are written together up to this size; larger ones alone, while they are in the CPU cache. */
const LOT = 32 * 1024;

export const THIS_TURN = 1;
export const THIS_TICK = 2;
/** So many commands are written before the tick ends, so that the server starts while the caller makes more. */
const EARLY = 256;
/** After this many ms of silence the socket is read before a write, because its end may have arrived unseen. */
const STALE = 1_000;

/**
 * The command queue of a connection. It is written once per tick, after all continuations have queued their commands;
 * earlier if many commands are queued, or between slices of replies. One ring, oldest first:
 *
 *     [ written, unanswered (tombstones too) | queued, not yet written ]
 *       0 .. written-1                         written .. length-1
 *
 * Freed slots are cleared; otherwise a slot would keep its entry's reply alive until the ring comes round again.
 */
export class Outbox {
  length = 0;
  written = 0;
  /** Number of written entries that have left the queue; `answered + written` is the number ever written. */
  answered = 0;
  /** Entries queued since the last flush by callers without a lease. */
  unleased = 0;
  /** Bytes queued and not yet handed to the transport. */
  queuedBytes = 0;
  /** The transport's buffer is full: nothing is written until 'drain'. */
  blocked = false;
  /** Counts signs of life of the peer, from 1. Entries note it when they are written, and compare at their time-out. */
  heard = 1;
  /** Written entries that get no reply and can be resolved. */
  complete: Entry[] | null = null;
  /** The server's `CLIENT REPLY` mode: 0 on, 1 skip the next reply, 2 off. */
  #silence: 0 | 1 | 2 = 0;
  #slots: (Entry | undefined)[] = new Array<Entry | undefined>(64).fill(undefined);
  #mask = 63;
  #head = 0;
  #withdrawn = 0;
  /** Bytes in the corked transport, which sends many pieces in one system call; -1 if it is not corked. */
  #corked = -1;
  #planned: 0 | typeof THIS_TURN | typeof THIS_TICK = 0;
  /** No more early writes before the end of the tick. */
  #patient = false;
  /** No writes before the sockets have been polled. */
  #polling = false;
  /** The error of an early write, raised at the end of the tick; null for none. */
  #broken: unknown = null;
  /** The queue is being written and must not change. */
  busy = false;
  /** Input is held until the write is over, because a transport may answer synchronously. */
  holding = false;
  readonly #held: Buffer[] = [];
  /** The reason to close the connection once the write is over; null for none. */
  #ending: Error | null = null;
  readonly #core: ConnectionCore;

  constructor(core: ConnectionCore) {
    this.#core = core;
  }

  /** Number of entries not yet written. */
  get queued(): number {
    return this.length - this.written;
  }

  push(entry: Entry): void {
    if (this.length > this.#mask) this.#grow();
    this.#slots[(this.#head + this.length) & this.#mask] = entry;
    this.length++;
    if (entry.leaseId === 0) this.unleased++;
    this.queuedBytes += entry.size;
  }

  /** The oldest written entry: the next reply is its own. */
  head(): Entry | undefined {
    return this.written === 0 ? undefined : this.#slots[this.#head];
  }

  shift(): void {
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & this.#mask;
    this.length--;
    this.written--;
    this.answered++;
  }

  at(index: number): Entry {
    return this.#slots[(this.#head + index) & this.#mask] as Entry;
  }

  takeAll(): Entry[] {
    const all = this.takeComplete();
    for (let index = 0; index < this.length; index++) {
      const entry: Entry | undefined = this.at(index);
      // A transport that threw during a flush leaves empty slots. Withdrawn entries are already settled and counted.
      if (entry === undefined || (index >= this.written && entry.phase === SETTLED)) continue;
      all.push(entry);
    }
    this.#slots = new Array<Entry | undefined>(64).fill(undefined);
    this.#mask = 63;
    this.#head = 0;
    this.length = 0;
    this.written = 0;
    this.unleased = 0;
    this.queuedBytes = 0;
    return all;
  }

  /** Releases the payload of an entry that was settled unsent; the flush skips it. */
  withdraw(entry: Entry): void {
    this.queuedBytes -= entry.size;
    entry.wire = '';
    entry.size = 0;
    this.#withdrawn++;
    if (this.#withdrawn > 1024 && this.#withdrawn * 2 > this.length - this.written) this.#compact();
  }

  takeComplete(): Entry[] {
    const complete = this.complete ?? [];
    this.complete = null;
    return complete;
  }

  /**
   * Schedules a write. Commands of leases wait until every readable socket has been read: callers that get their
   * replies there may share this connection and join the write.
   */
  plan(when: typeof THIS_TURN | typeof THIS_TICK): void {
    if (this.#planned < when) this.#schedule(when);
    else if (when === THIS_TICK && this.queued >= EARLY && !this.#patient) this.#begin();
  }

  #schedule(when: typeof THIS_TURN | typeof THIS_TICK): void {
    if (this.#planned === 0) {
      const { counters } = this.#core;
      const now = Date.now();
      counters.lastRequestCreatedAt = now;
      if (now - (counters.lastByteReceivedAt ?? now) >= STALE)
        this.#pollFirst(now - counters.lastByteReceivedAt!);
    }
    this.#planned = when;
    if (when === THIS_TICK) process.nextTick(flush, this.#core);
    else setImmediate(flush, this.#core);
  }

  /**
   * Polls the sockets before the write: if the process was suspended, the end of the connection may wait unread in the
   * kernel. Queued commands then fail unsent and move to another connection. It takes two turns, because the first may
   * follow a poll that began before.
   */
  #pollFirst(silence: number): void {
    const core = this.#core;
    if (core.state !== 'ready' || core.muted || core.reserved !== 0 || this.#polling) return;
    this.#polling = true;
    setImmediate(() =>
      setImmediate(() => {
        this.#polling = false;
        core.flush();
      }),
    );
    core.observer?.woke(silence);
  }

  /** Writes now instead of at the end of this tick; commands queued later are still written then. */
  early(): void {
    if (this.#planned === THIS_TICK && this.length > this.written) this.now();
  }

  /** Notes that the scheduled write has begun. */
  done(): void {
    this.#planned = 0;
    this.#patient = false;
  }

  now(): void {
    this.#send();
    if (this.holding && !this.busy) this.#release();
  }

  hold(bytes: Buffer): void {
    this.#held.push(Buffer.from(bytes));
  }

  /** Stops writing, because the connection failed during a write; `#release` closes it afterwards. */
  end(reason: Error): void {
    this.#ending ??= reason;
    this.holding = true;
    this.blocked = true;
  }

  /** Reads the held input. Bytes that arrive meanwhile are held too, which keeps the order. */
  #release(): void {
    const core = this.#core;
    for (let bytes = this.#held.shift(); bytes !== undefined; bytes = this.#held.shift())
      if (core.state !== 'closed') core.reception.receive(bytes, bytes.length);
    this.holding = false;
    if (this.#ending !== null) core.close(this.#ending);
  }

  #send(): void {
    const core = this.#core;
    if (core.state === 'closed' || this.blocked || this.busy || this.#polling) return;
    if (!this.#tryPass()) return;
    if (core.backlogged) core.observer?.room();
    if (this.complete !== null) core.complete();
    if (this.length === 0) core.observer?.drained();
    core.idleWatch?.wrote();
  }

  /**
   * Writes in the middle of a caller's loop, and calls no observer. It does not write commands that get no reply:
   * completing them would make the queue look empty too early.
   */
  #begin(): void {
    const { transport, state } = this.#core;
    // Checked once per tick: a queue that cannot be written now waits for the end of the tick.
    this.#patient =
      transport === null ||
      state === 'closed' ||
      this.blocked ||
      this.busy ||
      this.#polling ||
      this.#expectsSilence();
    if (transport === null || this.#patient) return;
    try {
      this.#pass(transport);
    } catch (cause) {
      this.#broken = cause;
      this.#patient = true;
    }
  }

  #tryPass(): boolean {
    const core = this.#core;
    try {
      if (this.#broken !== null) throw this.#broken;
      if (core.transport === null) return false;
      this.#pass(core.transport);
      return this.#ending === null;
    } catch (cause) {
      core.close(core.error(ConnectionError, 'writing to its transport failed', { cause }));
      return false;
    }
  }

  #pass(transport: Duplex): void {
    const { counters } = this.#core;
    const { bytesWritten } = counters;
    this.busy = true;
    this.holding = true;
    try {
      this.#flush(transport);
    } finally {
      this.busy = false;
    }
    if (counters.bytesWritten !== bytesWritten) counters.lastByteWrittenAt = Date.now();
  }

  /** Writes the queued entries, and moves those that get no reply to `complete`. */
  #flush(transport: Duplex): void {
    let to = this.written;
    const length = this.length;
    let from = to;
    // A local variable: storing each new string in an old object costs as much as joining them (write barrier).
    let text = '';
    for (; from < length && !this.blocked; from++) {
      const at = (this.#head + from) & this.#mask;
      const entry = this.#slots[at] as Entry;
      const queued = entry.phase === QUEUED;
      if (!queued || to !== from) this.#slots[at] = undefined;
      if (!queued) continue;
      move(entry, WRITTEN);
      entry.heard = this.heard;
      this.queuedBytes -= entry.size;
      const before = (entry.traits & NOTED) !== 0 || this.#silence !== 0 ? this.#look(entry) : null;
      if (before !== null) {
        text += before;
        this.#slots[at] = undefined;
        this.complete ??= [];
        this.complete.push(entry);
      } else {
        if (to !== from) this.#slots[(this.#head + to) & this.#mask] = entry;
        to++;
        this.written = to;
      }
      const { wire } = entry;
      if (typeof wire === 'string' && text.length + wire.length <= CHUNK) text += wire;
      else text = this.#gather(text, wire, transport);
    }
    this.#close(from, to);
    if (from === length) this.unleased = 0;
    this.#write(text, transport);
    if (this.#corked !== -1) this.#uncork(transport);
  }

  #look(entry: Entry): string | null {
    if (entry.traced) entry.written();
    return entry.noreply || this.#silence !== 0 ? this.#unanswered(entry) : null;
  }

  /** Whether a queued command gets no reply. */
  #expectsSilence(): boolean {
    if (this.#silence !== 0) return true;
    for (let index = this.written; index < this.length; index++) if (this.at(index).noreply) return true;
    return false;
  }

  /**
   * The text to write before an entry that gets no reply; null if the entry gets one. Must be called in the order of
   * writing, because the server applies `CLIENT REPLY` in that order.
   */
  #unanswered(entry: Entry): string | null {
    let before = '';
    switch (entry.replyMode) {
      case 'OFF':
        this.#silence = 2;
        break;
      case 'SKIP':
        if (this.#silence === 0) this.#silence = 1;
        break;
      case 'ON':
        this.#silence = 0;
        return null;
      default:
        if (this.#silence === 0) before = SKIP;
        if (this.#silence === 1) this.#silence = 0;
    }
    entry.noreply = true;
    // No reply tells when the server is done with the command, so the session counts it as blocking for good.
    entry.blocking = false;
    return before;
  }

  /** Writes a large or binary command; returns the text that is left to join with the next command. */
  #gather(text: string, wire: Wire, transport: Duplex): string {
    let rest = text;
    for (const piece of typeof wire === 'string' ? [wire] : wire) {
      if (typeof piece !== 'string') {
        this.#writePiece(rest, piece, transport);
        rest = '';
        continue;
      }
      rest += piece;
      if (rest.length <= CHUNK) continue;
      this.#write(rest, transport);
      rest = '';
    }
    return rest;
  }

  #writePiece(text: string, piece: Buffer, transport: Duplex): void {
    const small = piece.length < LOT;
    if (small && this.#corked === -1) {
      transport.cork();
      this.#corked = 0;
    }
    this.#write(text, transport);
    if (!small && this.#corked !== -1) this.#uncork(transport);
    this.#core.counters.bytesWritten += piece.length;
    this.#handOver(transport.write(piece), piece.length, transport);
  }

  #write(text: string, transport: Duplex): void {
    if (text === '') return;
    this.#core.counters.bytesWritten += text.length;
    this.#handOver(transport.write(text, 'latin1'), text.length, transport);
  }

  #handOver(taken: boolean, size: number, transport: Duplex): void {
    if (this.#corked !== -1) {
      this.#corked += size;
      if (this.#corked >= LOT) this.#uncork(transport);
    } else if (!taken && transport.writableLength > 0) {
      // If the kernel took everything at once, 'drain' is not needed.
      this.blocked = true;
    }
  }

  #uncork(transport: Duplex): void {
    this.#corked = -1;
    transport.uncork();
    this.blocked = transport.writableNeedDrain && transport.writableLength > 0;
  }

  /** Moves the unwritten entries down over the slots of skipped ones. */
  #close(from: number, to: number): void {
    if (from === to) return;
    const length = this.length;
    for (let read = from; read < length; read++, to++) {
      const at = (this.#head + read) & this.#mask;
      this.#slots[(this.#head + to) & this.#mask] = this.#slots[at];
      this.#slots[at] = undefined;
    }
    this.length = to;
    this.#withdrawn = 0;
  }

  #compact(): void {
    let to = this.written;
    for (let from = to; from < this.length; from++) {
      const at = (this.#head + from) & this.#mask;
      const entry = this.#slots[at] as Entry;
      this.#slots[at] = undefined;
      if (entry.phase !== SETTLED) this.#slots[(this.#head + to++) & this.#mask] = entry;
    }
    this.length = to;
    this.#withdrawn = 0;
  }

  /**
   * Recycles the memory of an answered payload. It is free only if the kernel has taken all written bytes, which
   * cannot be known for other streams than sockets.
   */
  reuse(entry: Entry, transport: Duplex | null): void {
    if (!(transport instanceof Socket) || transport.writableLength > 0 || entry.keepsBytes) return;
    const { wire } = entry;
    if (typeof wire === 'string') return;
    entry.wire = '';
    for (const piece of wire) if (typeof piece !== 'string') giveMemory(piece);
  }

  #grow(): void {
    this.#slots = doubled(this.#slots, this.#head, this.length);
    this.#mask = this.#slots.length - 1;
    this.#head = 0;
  }
}

function flush(core: ConnectionCore): void {
  core.flush();
}
