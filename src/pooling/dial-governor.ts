import { fullJitter, type Random } from '../base/backoff.ts';
import { type Clock, systemClock, type TimerHandle } from '../base/clock.ts';

/** A party that wants to dial an address. `dialsAllowed` is called once, when it should ask for a permit again. */
export interface DialCandidate {
  readonly unref: boolean;
  dialsAllowed(): void;
}

export interface DialGovernorSettings {
  clock?: Clock | undefined;
  random?: Random | undefined;
  /** Limit of concurrent dials over all addresses; default: 64. */
  maxConcurrent?: number | undefined;
  /** Upper bound of the first pause, in ms; default: 50. */
  base?: number | undefined;
  /** Upper bound of every pause, in ms; default: 2,000. */
  cap?: number | undefined;
  /** Called when an address goes down or comes up. */
  announce?: ((change: DialStateChange) => void) | undefined;
}

export interface DialStateChange {
  readonly address: string;
  readonly state: 'up' | 'down';
  /** Epoch ms. */
  readonly at: number;
  readonly error?: unknown;
}

/**
 * Decides when an address may be dialled. All pools of the process share the state of an address:
 *
 *     up ──failure──▶ down: pause (full jitter) ──▶ one probe ──success──▶ up
 *                       ▲────────────────failure───────┘
 *
 * An address that is down gets one dial at a time, so that many pools and callers do not flood a dead server.
 */
export class DialGovernor {
  readonly clock: Clock;
  readonly random: Random;
  readonly base: number;
  readonly cap: number;
  readonly announce: ((change: DialStateChange) => void) | undefined;
  readonly #maxConcurrent: number;
  #active = 0;
  #addresses = new Map<string, AddressDials>();
  /** Addresses whose candidates wait because of the limit of concurrent dials. */
  #held = new Set<AddressDials>();

  constructor(settings: DialGovernorSettings = {}) {
    this.clock = settings.clock ?? systemClock;
    this.random = settings.random ?? Math.random;
    this.base = settings.base ?? 50;
    this.cap = settings.cap ?? 2000;
    this.announce = settings.announce;
    this.#maxConcurrent = settings.maxConcurrent ?? 64;
  }

  /** Returns the shared state of one address; call its `detach` when done. */
  attach(address: string): AddressDials {
    this.#forgetIdle();
    let dials = this.#addresses.get(address);
    if (dials === undefined) {
      dials = new AddressDials(address, this);
      this.#addresses.set(address, dials);
    }
    dials.users++;
    return dials;
  }

  /** Number of addresses with state. */
  get size(): number {
    return this.#addresses.size;
  }

  /** Takes one concurrent dial, unless the address has more than are free: a silent address cannot take them all. */
  take(dials: AddressDials): boolean {
    const free = this.#maxConcurrent - this.#active;
    if (free <= 0 || dials.active > free) {
      this.#held.add(dials);
      return false;
    }
    this.takeNow(dials);
    return true;
  }

  /** Takes one concurrent dial even beyond the limit. */
  takeNow(dials: AddressDials): void {
    this.#active++;
    dials.active++;
  }

  /** Whether the address waits because of the limit of concurrent dials. */
  holds(dials: AddressDials): boolean {
    return this.#held.has(dials);
  }

  /** Ends a concurrent dial and wakes the addresses that waited for one. */
  give(from: AddressDials): void {
    this.#active--;
    from.active--;
    for (const dials of [...this.#held]) {
      if (this.#active >= this.#maxConcurrent) return;
      if (!this.#held.delete(dials)) continue;
      dials.wake();
    }
  }

  /** Forgets unused addresses, but only after their pause: it applies to the next user as well. */
  #forgetIdle(): void {
    const now = this.clock.now();
    for (const [address, dials] of this.#addresses) {
      if (dials.users === 0 && now >= dials.pausedUntil) this.#addresses.delete(address);
    }
  }
}

/** Permission for one dial. It ends once: by success, failure, or abandonment. */
export class DialPermit {
  /** True: the single dial that tests whether an address that is down answers again. */
  readonly probe: boolean;
  #dials: AddressDials | null;

  constructor(dials: AddressDials, probe: boolean) {
    this.#dials = dials;
    this.probe = probe;
  }
  /** True once the permit has ended; later reports are ignored. */
  get over(): boolean {
    return this.#dials === null;
  }
  succeeded(): void {
    this.#end()?.succeeded(this);
  }
  failed(error: unknown): void {
    this.#end()?.failed(this, error);
  }
  /** The dial ended without evidence about the address. */
  abandoned(): void {
    this.#end()?.ended(this);
  }
  #end(): AddressDials | null {
    const dials = this.#dials;
    this.#dials = null;
    return dials;
  }
}

/** The dial state of one address: up, or down and pausing, or down and probing. */
export class AddressDials {
  readonly address: string;
  users = 0;
  /** Dials in progress. */
  active = 0;
  pausedUntil = 0;
  /** Why the last dial of any user failed; null after a success. */
  lastError: unknown = null;
  #governor: DialGovernor;
  #failures = 0;
  #probing = false;
  #candidates = new Set<DialCandidate>();
  #timer: TimerHandle | null = null;

  constructor(address: string, governor: DialGovernor) {
    this.address = address;
    this.#governor = governor;
  }

  get down(): boolean {
    return this.#failures > 0;
  }

  /** Gives a permit to dial now, or returns null and calls the candidate when it may ask again. */
  tryStart(candidate: DialCandidate): DialPermit | null {
    if (this.mayStart() && this.#governor.take(this)) {
      if (this.#candidates.delete(candidate)) this.rearm();
      this.#probing = this.down;
      return new DialPermit(this, this.down);
    }
    this.#candidates.add(candidate);
    this.rearm();
    return null;
  }

  /** Gives a permit even during a pause and beyond the limit: questions to several servers are asked in a race. */
  startNow(): DialPermit {
    this.#governor.takeNow(this);
    return new DialPermit(this, false);
  }

  /** Whether the address itself allows a dial; the limit of concurrent dials is checked separately. */
  mayStart(): boolean {
    return !this.down || (!this.#probing && this.#governor.clock.now() >= this.pausedUntil);
  }

  /** Ends the pause now, because the address is reported to be back. */
  hurry(): void {
    if (!this.down) return;
    this.pausedUntil = 0;
    this.wake();
  }

  /** Stops waiting for a permit. */
  withdraw(candidate: DialCandidate): void {
    if (this.#candidates.delete(candidate)) this.rearm();
  }

  detach(candidate: DialCandidate): void {
    this.withdraw(candidate);
    this.users--;
  }

  succeeded(permit: DialPermit): void {
    const wasDown = this.down;
    this.#failures = 0;
    this.pausedUntil = 0;
    this.lastError = null;
    this.ended(permit);
    if (wasDown) this.#announce('up');
  }

  failed(permit: DialPermit, error: unknown): void {
    const { base, cap, random, clock } = this.#governor;
    const wasUp = !this.down;
    this.lastError = error;
    // Concurrent dials fail together; count them as one failure with one pause.
    if (wasUp || permit.probe) {
      this.pausedUntil = clock.now() + fullJitter(this.#failures, base, cap, random);
      this.#failures++;
    }
    this.ended(permit);
    if (wasUp) this.#announce('down', error);
  }

  ended(permit: DialPermit): void {
    if (permit.probe) this.#probing = false;
    this.#governor.give(this);
    this.wake();
  }

  /** Lets all waiting candidates ask again; those that are refused keep waiting. */
  wake(): void {
    if (this.mayStart()) {
      const candidates = [...this.#candidates];
      this.#candidates.clear();
      for (const candidate of candidates) candidate.dialsAllowed();
    }
    this.rearm();
  }

  /** Sets one timer for the end of the pause, if a candidate waits. */
  rearm(): void {
    const { clock } = this.#governor;
    if (this.#timer !== null) clock.clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#candidates.size === 0 || !this.down || this.#probing || this.#governor.holds(this)) return;
    // Set a timer even for a pause that has just ended: a candidate refused a moment ago must be called again.
    const pause = Math.max(0, this.pausedUntil - clock.now());
    const unref = [...this.#candidates].every((candidate) => candidate.unref);
    this.#timer = clock.setTimeout(() => this.#paused(), pause, unref);
  }

  #paused(): void {
    this.#timer = null;
    this.wake();
  }

  #announce(state: 'up' | 'down', error?: unknown): void {
    const event = { address: this.address, state, at: this.#governor.clock.epoch() };
    this.#governor.announce?.(error === undefined ? event : { ...event, error });
  }
}
