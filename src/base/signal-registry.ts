/** Told once when a watched signal fires; an object, so that a call needs no closure of its own. */
export interface AbortSubscriber {
  onAbort(reason: unknown): void;
}

class SignalEntry {
  readonly signal: AbortSignal;
  readonly subscribers = new Set<AbortSubscriber>();

  constructor(signal: AbortSignal) {
    this.signal = signal;
  }

  add(subscriber: AbortSubscriber): void {
    if (this.subscribers.size === 0) this.signal.addEventListener('abort', this);
    this.subscribers.add(subscriber);
  }

  remove(subscriber: AbortSubscriber): void {
    if (this.subscribers.delete(subscriber) && this.subscribers.size === 0) {
      this.signal.removeEventListener('abort', this);
    }
  }

  /** The `EventListenerObject` side: one abort reaches everybody, also when one of them throws. */
  handleEvent(): void {
    this.signal.removeEventListener('abort', this);
    const reached = [...this.subscribers];
    let failed = false;
    let failure: unknown;
    for (const subscriber of reached) {
      // One told earlier may have cancelled this one.
      if (!this.subscribers.delete(subscriber)) continue;
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
 * One listener per signal however many calls share it, none while nobody waits: `AbortSignal`s live as
 * long as a process, calls do not.
 */
const entries = new WeakMap<AbortSignal, SignalEntry>();

/** False when the signal has fired already: then nothing was registered. */
export function watchSignal(signal: AbortSignal, subscriber: AbortSubscriber): boolean {
  if (signal.aborted) return false;
  let entry = entries.get(signal);
  if (entry === undefined) {
    entry = new SignalEntry(signal);
    entries.set(signal, entry);
  }
  entry.add(subscriber);
  return true;
}

/** Harmless for one that does not watch. */
export function unwatchSignal(signal: AbortSignal, subscriber: AbortSubscriber): void {
  entries.get(signal)?.remove(subscriber);
}
