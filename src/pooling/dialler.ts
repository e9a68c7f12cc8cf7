import { fullJitter } from '../base/backoff.ts';
import type { TimerHandle } from '../base/clock.ts';
import type { AddressDials, DialCandidate, DialGovernor, DialPermit } from './dial-governor.ts';
import type { Resource, Slot } from './slots.ts';

/** The part of the pool that its dials use. A dial no longer counts as connecting when these callbacks run. */
export interface DialOwner<T extends Resource> {
  /** Makes a resource. It calls `reached` once the address has answered: later failures do not count against it. */
  create(signal: AbortSignal, reached: () => void): Promise<T>;
  /** Whether the address answered although the dial failed: then the failure concerns this pool alone. */
  answered(error: unknown): boolean;
  /** Adds the resource to the pool, or throws. */
  admit(resource: T): void;
  /** Called after the success is reported to the address. */
  arrived(replaces: Slot<T> | null): void;
  /** Called before the failure is reported to the address, so that no other dial comes in between. */
  failing(error: unknown, replaces: Slot<T> | null): void;
  /** Called when the pool may start more dials. */
  dialsAllowed(): void;
  /** Called when a dial that was given up has ended. */
  gaveUp(): void;
}

/** Makes and counts the dials of one pool. */
export class Dialler<T extends Resource> implements DialCandidate {
  /** True: no pause or dial of this pool keeps the process alive. */
  letsGo = false;
  /** True: no waiter depends on the dials; they only keep the pool at its minimum. */
  background = false;
  /** Why the last dial of this pool failed; null after a success. */
  lastError: unknown = null;
  /** True after a refused dial: the governor or a timer will call `dialsAllowed`, until `withdraw`. */
  waits = false;
  readonly #owner: DialOwner<T>;
  readonly #address: AddressDials;
  readonly #governor: DialGovernor;
  readonly #running = new Set<AbortController>();
  #closed = false;
  /** Failures in a row that concern this pool alone, such as a wrong password. */
  #failures = 0;
  #pausedUntil = 0;
  #timer: TimerHandle | null = null;

  constructor(owner: DialOwner<T>, governor: DialGovernor, address: string) {
    this.#owner = owner;
    this.#governor = governor;
    this.#address = governor.attach(address);
  }

  get unref(): boolean {
    return this.letsGo || this.background;
  }
  get connecting(): number {
    return this.#running.size;
  }

  /** Starts a dial. False: the pool backs off or the governor refuses, and `dialsAllowed` is called later. */
  start(replaces: Slot<T> | null): boolean {
    const permit = this.#closed || this.#pauses() ? null : this.#address.tryStart(this);
    if (permit === null) {
      this.waits = true;
      return false;
    }
    const controller = new AbortController();
    this.#running.add(controller);
    void this.#run(controller, permit, replaces);
    return true;
  }

  /** Stops waiting for a dial that the pool no longer needs. */
  withdraw(): void {
    this.waits = false;
    this.#disarm();
    this.#address.withdraw(this);
  }

  dialsAllowed(): void {
    if (!this.#closed) this.#owner.dialsAllowed();
  }

  /** Applies a changed `unref` to the timers. */
  refresh(): void {
    if (this.#timer !== null) this.#arm();
    this.#address.rearm();
  }

  close(reason: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#disarm();
    this.#address.detach(this);
    for (const controller of [...this.#running]) controller.abort(reason);
  }

  async #run(controller: AbortController, permit: DialPermit, replaces: Slot<T> | null): Promise<void> {
    try {
      const resource = await this.#owner.create(controller.signal, () => permit.succeeded());
      if (this.#closed) return this.#giveUp(controller, permit, resource);
      this.#running.delete(controller);
      this.#owner.admit(resource);
    } catch (error) {
      if (this.#closed) return this.#giveUp(controller, permit);
      this.#running.delete(controller);
      this.lastError = error;
      this.#owner.failing(error, replaces);
      if (permit.over || this.#owner.answered(error)) this.#pause();
      else permit.failed(error);
      permit.succeeded();
      this.#owner.dialsAllowed();
      return;
    }
    this.lastError = null;
    this.#failures = 0;
    permit.succeeded();
    this.#owner.arrived(replaces);
  }

  #pause(): void {
    const { clock, base, cap, random } = this.#governor;
    this.#pausedUntil = clock.now() + fullJitter(this.#failures, base, cap, random);
    this.#failures++;
  }

  #pauses(): boolean {
    if (this.#failures === 0 || this.#governor.clock.now() >= this.#pausedUntil) return false;
    if (this.#timer === null) this.#arm();
    return true;
  }

  #arm(): void {
    this.#disarm();
    const { clock } = this.#governor;
    const pause = Math.max(0, this.#pausedUntil - clock.now());
    this.#timer = clock.setTimeout(
      () => {
        this.#timer = null;
        this.dialsAllowed();
      },
      pause,
      this.unref,
    );
  }

  #disarm(): void {
    if (this.#timer !== null) this.#governor.clock.clearTimeout(this.#timer);
    this.#timer = null;
  }

  #giveUp(controller: AbortController, permit: DialPermit, ...made: T[]): void {
    for (const resource of made) resource.destroy('the pool was closed');
    this.#running.delete(controller);
    permit.abandoned();
    this.#owner.gaveUp();
  }
}
