import type { AddressDials, DialCandidate, DialGovernor, DialPermit } from './dial-governor.ts';
import type { Resource, Slot } from './slots.ts';

/** The pool, as its dials see it. A dial is off the count when these are called. */
export interface DialOwner<T extends Resource> {
  create(signal: AbortSignal): Promise<T>;
  /** Whether a failure says something about the address. */
  ofAddress(error: unknown): boolean;
  /** Takes the resource in, or throws. */
  admit(resource: T): void;
  /** Called after the address has learned of the success. */
  arrived(replaces: Slot<T> | null): void;
  /** Called before the address learns of the failure, so that nobody dials again in between. */
  failing(error: unknown, replaces: Slot<T> | null): void;
  /** Worth asking for more dials. */
  dialsAllowed(): void;
  /** A dial that was given up has ended. */
  gaveUp(): void;
}

/** The dials of one pool. Every one of them leaves the count, however it ends. */
export class Dialler<T extends Resource> implements DialCandidate {
  unref = false;
  /** Why the last dial of this pool failed; null once one has succeeded. */
  lastError: unknown = null;
  readonly #owner: DialOwner<T>;
  readonly #address: AddressDials;
  readonly #running = new Set<AbortController>();
  #closed = false;

  constructor(owner: DialOwner<T>, governor: DialGovernor, address: string) {
    this.#owner = owner;
    this.#address = governor.attach(address);
  }

  get connecting(): number {
    return this.#running.size;
  }

  /** Starts one unless the address pauses or the process dials enough already; then asks again by itself. */
  start(replaces: Slot<T> | null): boolean {
    if (this.#closed) return false;
    const permit = this.#address.tryStart(this);
    if (permit === null) return false;
    const controller = new AbortController();
    this.#running.add(controller);
    void this.#run(controller, permit, replaces);
    return true;
  }

  /** Nobody here needs a dial any more. */
  withdraw(): void {
    this.#address.withdraw(this);
  }

  dialsAllowed(): void {
    if (!this.#closed) this.#owner.dialsAllowed();
  }

  /** The choice whether the pause keeps the process alive has changed. */
  refresh(): void {
    this.#address.rearm();
  }

  close(reason: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#address.detach(this);
    for (const controller of [...this.#running]) controller.abort(reason);
  }

  async #run(controller: AbortController, permit: DialPermit, replaces: Slot<T> | null): Promise<void> {
    try {
      const resource = await this.#owner.create(controller.signal);
      if (this.#closed) return this.#giveUp(controller, permit, resource);
      this.#running.delete(controller);
      this.#owner.admit(resource);
    } catch (error) {
      if (this.#closed) return this.#giveUp(controller, permit);
      this.#running.delete(controller);
      this.lastError = error;
      this.#owner.failing(error, replaces);
      permit.failed(error);
      this.#owner.dialsAllowed();
      return;
    }
    this.lastError = null;
    permit.succeeded();
    this.#owner.arrived(replaces);
  }

  #giveUp(controller: AbortController, permit: DialPermit, ...made: T[]): void {
    for (const resource of made) resource.destroy('the pool was closed');
    this.#running.delete(controller);
    permit.abandoned();
    this.#owner.gaveUp();
  }
}
