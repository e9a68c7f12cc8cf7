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
  /** The time limit of a call without `timeout`; an explicit `timeout: null` means no limit. */
  fallback?: number | null | undefined;
  /** Whether a wait limited by `fallback` continues after a failed dial; default: true if there is a limit. */
  patient?: boolean | undefined;
  /** Whether `timeout` may be 0, which means "do not wait"; default: false. */
  allowZero?: boolean | undefined;
}

/** Checks an optional duration. `null` and `undefined` give null. @throws TypeError for anything but a valid limit. */
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

/** Checks the options of a wait. @throws TypeError for an unknown option; `undefined` counts as absent. */
export function refuseUnknownWait(options: object | undefined): void {
  if (options !== undefined) demandKnown(options, OF_A_WAIT);
}

/**
 * An abort signal together with a time limit, which runs from construction. Alarm and listener exist only between
 * `watch` and `unwatch`, for one subscriber at a time, so one deadline can bound the stages of a call in turn.
 */
export class Deadline implements AbortSubscriber, Alarm {
  readonly signal: AbortSignal | null;
  /** When the time limit passes, on the clock's `now()` scale; Infinity without a limit. */
  readonly at: number;
  /** The given time limit in ms; null: none. */
  readonly timeout: number | null;
  /** True: a failed dial does not end the wait, because the next may succeed. Default: true with a time limit. */
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

  /** A deadline with a signal and no time limit. */
  static ofSignal(signal: AbortSignal | null | undefined): Deadline {
    return new Deadline(signal ?? null, null);
  }

  /** True without a time limit. */
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

  /** Tells the subscriber when the signal fires or the time limit passes. The deadline must not be over yet. */
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
   * Waits for shared work, which continues if the deadline ends this wait. Rejects with the signal's reason, or with
   * the error that `late` makes.
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
          // A result that has arrived already, but was not read yet, wins over the time limit.
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
   * Runs work with a signal that fires with the deadline's reason, with the error that `late` makes, or with the reason
   * of `stop`. It waits until the work has ended, so a connection made at the last moment is not lost. Use `wait` for
   * work that may ignore its signal.
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

  /** Called by the alarm when the time limit has passed. */
  ring(): void {
    const subscriber = this.#subscriber;
    this.unwatch();
    subscriber?.onTimeout();
  }
}

function unlimitedWait(): Error {
  return new Error('a wait with a time limit must say what ends it');
}
