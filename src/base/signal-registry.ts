/** Told once when a watched signal fires; an object, so that a call needs no closure of its own. */
export interface AbortSubscriber {
  onAbort(reason: unknown): void;
}

/** So far from the oldest one a subscriber is looked for before the line is given up. */
const NEAR = 16;

/**
 * The listeners of one signal, in order. Replies come in the order of their calls, so the listener that leaves is the
 * oldest or close to it, and a line is cheap. If that does not hold, a set takes over until it is empty.
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

  /** Moves those who wait to the front of the line. */
  #close(): void {
    this.#line.copyWithin(0, this.#head, this.#tail);
    const left = this.#tail - this.#head;
    this.#line.fill(undefined, left, this.#tail);
    this.#head = 0;
    this.#tail = left;
  }

  /** The `EventListenerObject` side: one abort reaches all listeners, also when one of them throws. */
  handleEvent(): void {
    const reached = [...this.#gather()];
    let failed = false;
    let failure: unknown;
    for (const subscriber of reached) {
      // One told earlier may have cancelled this one.
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
 * One listener per signal for any number of calls, none without waiters, and nothing kept then: `AbortSignal`s
 * live as long as a process, calls do not. A weak map would cost the collector more than all the rest.
 */
const entries = new Map<AbortSignal, SignalEntry>();
/** The one asked for last: calls that share a signal come together. */
let recent: SignalEntry | null = null;

/** False when the signal has fired already: then nothing was registered. */
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

/** Harmless for one that does not watch. */
export function unwatchSignal(signal: AbortSignal, subscriber: AbortSubscriber): void {
  const entry = recent !== null && recent.signal === signal ? recent : entries.get(signal);
  entry?.remove(subscriber);
}
