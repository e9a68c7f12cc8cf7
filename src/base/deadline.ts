import { type Alarm, type AlarmLine, setAlarm } from './alarm-line.ts';
import { systemClock } from './clock.ts';
import type { Clock } from './clock.ts';
import { demandKnown } from './known-options.ts';
import { unwatchSignal, watchSignal } from './signal-registry.ts';
import type { AbortSubscriber } from './signal-registry.ts';

/** How long a call may wait. */
export interface WaitOptions {
  /** When it fires, the call rejects with `signal.reason` itself. */
  signal?: AbortSignal | undefined;
  /** Milliseconds; `null` or absent: no limit unless the call names a default. */
  timeout?: number | null | undefined;
}

export interface DeadlineSubscriber {
  onAbort(reason: unknown): void;
  onTimeout(): void;
}

export interface DeadlineSettings {
  clock?: Clock | undefined;
  /** Holds when the call names no `timeout`; an explicit `null` means no limit. */
  fallback?: number | null | undefined;
  /** Whether a wait under `fallback` continues after a failed dial; default: true. */
  patient?: boolean | undefined;
  /** 0 means at once or not at all; otherwise 0 is refused. */
  allowZero?: boolean | undefined;
}

/** A duration that may be absent. `null` and `undefined` give null; anything else must be a real limit. */
export function checkDuration(name: string, value: unknown, allowZero = false): number | null {
  if (value === undefined || value === null) return null;
  const finite = typeof value === 'number' && Number.isFinite(value);
  if (finite && (value > 0 || (allowZero && value === 0))) return value;
  const wanted = allowZero ? 'a number of milliseconds, 0 or more' : 'a number of milliseconds above 0';
  const shown = typeof value === 'number' ? String(value) : typeof value;
  throw new TypeError(`${name} must be ${wanted}, or null for no limit; got ${shown}`);
}

export function checkSignal(name: string, value: unknown): AbortSignal | null {
  if (value === undefined || value === null) return null;
  const signal = value as Partial<AbortSignal>;
  if (typeof value === 'object' && 'aborted' in value && typeof signal.addEventListener === 'function') {
    return value as AbortSignal;
  }
  throw new TypeError(`${name} must be an AbortSignal; got ${typeof value}`);
}

const OF_A_WAIT: ReadonlySet<string> = new Set(['signal', 'timeout']);

/** Throws a `TypeError` for an unknown option of a wait; `undefined` counts as absent. */
export function refuseUnknownWait(options: object | undefined): void {
  if (options !== undefined) demandKnown(options, OF_A_WAIT);
}

/**
 * A signal and a time limit as one thing. The limit runs from construction; alarm and listener exist
 * only between `watch` and `unwatch`, for one subscriber at a time, so that one deadline can bound the
 * stages of a call one after the other.
 */
export class Deadline implements AbortSubscriber, Alarm {
  readonly signal: AbortSignal | null;
  /** On the clock's `now()` scale; Infinity without a time limit. */
  readonly at: number;
  /** The time limit it was made with. */
  readonly timeout: number | null;
  /** A failed dial does not end the wait: the next one may succeed. Default: with a time limit. */
  patient: boolean;
  #clock: Clock;
  line: AlarmLine | null = null;
  earlier: Alarm | null = null;
  later: Alarm | null = null;
  #subscriber: DeadlineSubscriber | null = null;

  constructor(signal: AbortSignal | null, timeout: number | null, clock: Clock = systemClock) {
    this.signal = signal;
    this.timeout = timeout;
    this.patient = timeout !== null;
    this.at = timeout === null ? Infinity : clock.now() + timeout;
    this.#clock = clock;
  }

  static of(options: WaitOptions | undefined, settings: DeadlineSettings = {}): Deadline {
    const fallback = settings.fallback ?? null;
    const given = options?.timeout === undefined ? fallback : options.timeout;
    const timeout = checkDuration('timeout', given, settings.allowZero ?? false);
    const deadline = new Deadline(checkSignal('signal', options?.signal), timeout, settings.clock);
    if (options?.timeout === undefined) deadline.patient = settings.patient ?? deadline.patient;
    return deadline;
  }

  /** Ended by a signal alone. */
  static ofSignal(signal: AbortSignal | null | undefined): Deadline {
    return new Deadline(signal ?? null, null);
  }

  /** Without a time limit: a caller that is never told by the clock. */
  get unlimited(): boolean {
    return this.at === Infinity;
  }
  get aborted(): boolean {
    return this.signal !== null && this.signal.aborted;
  }
  get expired(): boolean {
    return this.at !== Infinity && this.remaining() === 0;
  }
  /** The signal's reason once it has fired. */
  get reason(): unknown {
    return this.signal?.reason;
  }
  /** Milliseconds left, never negative; Infinity without a time limit. */
  remaining(): number {
    return this.at === Infinity ? Infinity : Math.max(0, this.at - this.#clock.now());
  }

  /** Tells `subscriber` of the first of abort and time-out. The deadline must not be over already. */
  watch(subscriber: DeadlineSubscriber, unref = false): void {
    if (this.#subscriber !== null) throw new Error('this deadline is being watched already');
    this.#subscriber = subscriber;
    if (this.signal !== null) watchSignal(this.signal, this);
    if (this.timeout !== null) setAlarm(this, this.timeout, this.#clock, unref);
  }

  unwatch(): void {
    if (this.#subscriber === null) return;
    this.#subscriber = null;
    if (this.signal !== null) unwatchSignal(this.signal, this);
    this.line?.remove(this);
  }

  /**
   * The outcome of shared work, which continues when the deadline ends this wait. Rejects with the
   * signal's reason, or with what `late` makes when time is up.
   */
  wait<T>(work: Promise<T>, late: () => unknown = unlimitedWait): Promise<T> {
    if (this.unlimited && this.signal === null) return work;
    return new Promise<T>((resolve, reject) => {
      let over = this.aborted;
      const end = (settle: () => void): void => {
        if (over) return;
        over = true;
        settle();
      };
      if (over) reject(this.reason);
      else {
        this.watch({
          onAbort: (reason) => end(() => reject(reason)),
          // A result that can be read already wins over its time limit.
          onTimeout: () => setImmediate(() => end(() => reject(late()))),
        });
      }
      const settled = (settle: () => void): void =>
        end(() => {
          this.unwatch();
          settle();
        });
      work.then(
        (value) => settled(() => resolve(value)),
        (error: unknown) => settled(() => reject(error)),
      );
    });
  }

  /**
   * Runs work that ends by itself when the signal it is given fires: with the reason of the deadline's signal, with what
   * `late` makes when time is up, or with the reason of `stop`. It is waited for to the end, so that a connection that
   * comes at the last moment is not lost. Work that may ignore its signal is bounded by `wait`.
   */
  async run<T>(
    work: (signal: AbortSignal) => Promise<T>,
    late: () => unknown = unlimitedWait,
    stop: AbortSignal | null = null,
  ): Promise<T> {
    stop?.throwIfAborted();
    if (this.aborted) throw this.reason;
    if (this.expired) throw late();
    const controller = new AbortController();
    const subscriber: DeadlineSubscriber = {
      onAbort: (reason) => controller.abort(reason),
      onTimeout: () => controller.abort(late()),
    };
    this.watch(subscriber);
    if (stop !== null) watchSignal(stop, subscriber);
    try {
      return await work(controller.signal);
    } finally {
      this.unwatch();
      if (stop !== null) unwatchSignal(stop, subscriber);
    }
  }

  onAbort(reason: unknown): void {
    const subscriber = this.#subscriber;
    this.unwatch();
    subscriber?.onAbort(reason);
  }

  /** The time limit has run out. */
  ring(): void {
    const subscriber = this.#subscriber;
    this.unwatch();
    subscriber?.onTimeout();
  }
}

function unlimitedWait(): Error {
  return new Error('a wait with a time limit must say what ends it');
}
