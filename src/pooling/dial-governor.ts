import { fullJitter } from '../base/backoff.ts';
import type { Random } from '../base/backoff.ts';
import { systemClock } from '../base/clock.ts';
import type { Clock, TimerHandle } from '../base/clock.ts';

/** A candidate for dialling an address; it is called once when it should ask again. */
export interface DialCandidate {
  readonly unref: boolean;
  dialsAllowed(): void;
}

export interface DialGovernorSettings {
  clock?: Clock | undefined;
  random?: Random | undefined;
  /** Dials under way at one moment, over all addresses; 64. */
  maxConcurrent?: number | undefined;
  /** The bound of the first pause; 50. */
  base?: number | undefined;
  /** The longest pause; 2,000. */
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
 * Decides when an address may be dialled. Everything in the process that dials it shares its state:
 *
 *     up ──failure──▶ down: pause (full jitter) ──▶ one probe ──success──▶ up
 *                       ▲────────────────failure───────┘
 *
 * While an address is down one dial at a time is made to it, so that many pools and
 * callers do not storm a dead server.
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
  /** Addresses whose candidates wait for one of the concurrent dials to end. */
  #held = new Set<AddressDials>();

  constructor(settings: DialGovernorSettings = {}) {
    this.clock = settings.clock ?? systemClock;
    this.random = settings.random ?? Math.random;
    this.base = settings.base ?? 50;
    this.cap = settings.cap ?? 2000;
    this.announce = settings.announce;
    this.#maxConcurrent = settings.maxConcurrent ?? 64;
  }

  /** The shared state of one address; `detach` it when done. */
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

  /** Addresses that are remembered. */
  get size(): number {
    return this.#addresses.size;
  }

  /** No address gets more than about half of what the others leave: one that is silent holds up itself alone. */
  take(dials: AddressDials): boolean {
    const free = this.#maxConcurrent - this.#active;
    if (free <= 0 || dials.active > free) {
      this.#held.add(dials);
      return false;
    }
    this.takeNow(dials);
    return true;
  }

  /** Beyond the bound as well. */
  takeNow(dials: AddressDials): void {
    this.#active++;
    dials.active++;
  }

  /** Called when one of the concurrent dials has ended. */
  holds(dials: AddressDials): boolean {
    return this.#held.has(dials);
  }

  give(from: AddressDials): void {
    this.#active--;
    from.active--;
    for (const dials of [...this.#held]) {
      if (this.#active >= this.#maxConcurrent) return;
      if (!this.#held.delete(dials)) continue;
      dials.wake();
    }
  }

  /** An unused address is remembered until its pause is over: the pause holds for the next user as well. */
  #forgetIdle(): void {
    const now = this.clock.now();
    for (const [address, dials] of this.#addresses) {
      if (dials.users === 0 && now >= dials.pausedUntil) this.#addresses.delete(address);
    }
  }
}

/** Leave for one dial. It ends once, in one of three ways. */
export class DialPermit {
  /** The one dial that finds out whether a dead address lives again. */
  readonly probe: boolean;
  #dials: AddressDials | null;

  constructor(dials: AddressDials, probe: boolean) {
    this.#dials = dials;
    this.probe = probe;
  }
  /** It has ended: nothing more can be said. */
  get over(): boolean {
    return this.#dials === null;
  }
  succeeded(): void {
    this.#end()?.succeeded(this);
  }
  failed(error: unknown): void {
    this.#end()?.failed(this, error);
  }
  /** The dial ended without saying anything of the address. */
  abandoned(): void {
    this.#end()?.ended(this);
  }
  #end(): AddressDials | null {
    const dials = this.#dials;
    this.#dials = null;
    return dials;
  }
}

/** One address: up, or down and pausing, or down and probing. */
export class AddressDials {
  readonly address: string;
  users = 0;
  /** Dials under way. */
  active = 0;
  pausedUntil = 0;
  /** Why the last dial of any user failed; null once one has succeeded. */
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

  /** Leave to dial now; without it the candidate is told when to ask again. */
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

  /** Leave to dial at once, in a pause and beyond the bound as well: for questions, which are asked in a race. */
  startNow(): DialPermit {
    this.#governor.takeNow(this);
    return new DialPermit(this, false);
  }

  /** Whether nothing of this address stands in the way; the bound of the process may still. */
  mayStart(): boolean {
    return !this.down || (!this.#probing && this.#governor.clock.now() >= this.pausedUntil);
  }

  /** There is news that the address may live again: its pause ends now. */
  hurry(): void {
    if (!this.down) return;
    this.pausedUntil = 0;
    this.wake();
  }

  /** Stops waiting for a turn. */
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
    // Dials that were under way together fail together: one failure, one pause.
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

  /** Lets all waiting candidates ask again; those refused again keep waiting. */
  wake(): void {
    if (this.mayStart()) {
      const candidates = [...this.#candidates];
      this.#candidates.clear();
      for (const candidate of candidates) candidate.dialsAllowed();
    }
    this.rearm();
  }

  /** One timer for the end of the pause, while a candidate waits. */
  rearm(): void {
    const { clock } = this.#governor;
    if (this.#timer !== null) clock.clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#candidates.size === 0 || !this.down || this.#probing || this.#governor.holds(this)) return;
    // A pause that has just ended counts too: a candidate that was refused a moment ago would not be asked again.
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
