/** Receives the abort of a watched signal, once. It is an object, so that a call needs no closure. */
export interface AbortSubscriber {
  onAbort(reason: unknown): void;
}

/** Number of subscribers, from the oldest, among which a leaving one is searched before a set replaces the line. */
const NEAR = 16;

/**
 * The subscribers of one signal, in order. Replies arrive in the order of their calls, so a leaving subscriber is among
 * the oldest and an array is cheap. Where that does not hold, a set takes over until it is empty.
 *
 *     line: [ left … | head … tail ]
 */
class SignalEntry {
  readonly signal: AbortSignal;
  #line: (AbortSubscriber | undefined)[] = [];
  #head = 0;
  #tail = 0;
  #set: Set<AbortSubscriber> | null = null;
  #size = 0;

  constructor(signal: AbortSignal) {
    this.signal = signal;
  }

  add(subscriber: AbortSubscriber): void {
    if (this.#size++ === 0) this.signal.addEventListener('abort', this);
    if (this.#set !== null) {
      this.#set.add(subscriber);
      this.#size = this.#set.size;
      return;
    }
    if (this.#tail === this.#line.length && this.#head > NEAR && this.#head * 2 > this.#tail) this.#close();
    this.#line[this.#tail++] = subscriber;
  }

  remove(subscriber: AbortSubscriber): boolean {
    if (!(this.#set === null ? this.#leaves(subscriber) : this.#set.delete(subscriber))) return false;
    if (--this.#size === 0) {
      this.signal.removeEventListener('abort', this);
      this.#set = null;
      this.#head = this.#tail = 0;
      entries.delete(this.signal);
      if (recent === this) recent = null;
    }
    return true;
  }

  #leaves(subscriber: AbortSubscriber): boolean {
    const line = this.#line;
    const end = Math.min(this.#tail, this.#head + NEAR);
    for (let at = this.#head; at < end; at++) {
      if (line[at] !== subscriber) continue;
      line[at] = undefined;
      while (this.#head < this.#tail && line[this.#head] === undefined) this.#head++;
      return true;
    }
    return end < this.#tail && this.#gather().delete(subscriber);
  }

  #gather(): Set<AbortSubscriber> {
    if (this.#set !== null) return this.#set;
    const set = new Set<AbortSubscriber>();
    for (let at = this.#head; at < this.#tail; at++) {
      const subscriber = this.#line[at];
      if (subscriber !== undefined) set.add(subscriber);
    }
    this.#line = [];
    this.#head = this.#tail = 0;
    this.#size = set.size;
    this.#set = set;
    return set;
  }

  /** Moves the remaining subscribers to the front of the array. */
  #close(): void {
    this.#line.copyWithin(0, this.#head, this.#tail);
    const left = this.#tail - this.#head;
    this.#line.fill(undefined, left, this.#tail);
    this.#head = 0;
    this.#tail = left;
  }

  /** Called by the signal: tells all subscribers, even if one of them throws. */
  handleEvent(): void {
    const reached = [...this.#gather()];
    let failed = false;
    let failure: unknown;
    for (const subscriber of reached) {
      // A subscriber told earlier may have removed this one.
      if (!this.remove(subscriber)) continue;
      try {
        subscriber.onAbort(this.signal.reason);
      } catch (error) {
        failure = failed ? failure : error;
        failed = true;
      }
    }
    if (failed) throw failure;
  }
}

/**
 * The entries of signals with subscribers: one listener per signal for any number of calls, and none without calls,
 * because an `AbortSignal` may live as long as the process. A WeakMap would cost the collector more than all the rest.
 */
const entries = new Map<AbortSignal, SignalEntry>();
/** The entry used last; a cache, because calls that share a signal come in a row. */
let recent: SignalEntry | null = null;

/** Adds a subscriber. False: the signal has already fired, and nothing was added. */
export function watchSignal(signal: AbortSignal, subscriber: AbortSubscriber): boolean {
  if (signal.aborted) return false;
  let entry = recent;
  if (entry === null || entry.signal !== signal) {
    entry = entries.get(signal) ?? null;
    if (entry === null) {
      entry = new SignalEntry(signal);
      entries.set(signal, entry);
    }
    recent = entry;
  }
  entry.add(subscriber);
  return true;
}

/** Removes a subscriber, if it is there. */
export function unwatchSignal(signal: AbortSignal, subscriber: AbortSubscriber): void {
  const entry = recent !== null && recent.signal === signal ? recent : entries.get(signal);
  entry?.remove(subscriber);
}
