import { ResponseError, SentinelError } from '../../errors/errors.ts';
import { dialGovernor } from '../../node/dials.ts';
import type { AddressDials, DialCandidate, DialGovernor, DialPermit } from '../../pooling/dial-governor.ts';
import type { TCPLocation } from '../../transport/location.ts';

/** Ends the back-off of an address, so that it may be dialled again at once. */
export function hurryDials(location: TCPLocation, governor: DialGovernor = dialGovernor): void {
  const address = location.toString();
  const dials = governor.attach(address);
  dials.hurry();
  dials.users--;
}

/** One dial to an address with a permit of the governor, so that it obeys the shared back-off and limits. */
export class GovernedDial implements DialCandidate {
  readonly unref = false;
  readonly #dials: AddressDials;
  #wake: () => void = () => {};

  constructor(location: TCPLocation, governor: DialGovernor = dialGovernor) {
    this.#dials = governor.attach(location.toString());
  }

  dialsAllowed(): void {
    this.#wake();
  }

  /** Dials with a permit. `patient`: waits out a back-off; otherwise throws the last failure of the address. */
  async dial<R>(dial: () => Promise<R>, signal: AbortSignal, patient: boolean): Promise<R> {
    try {
      const permit = await this.#permit(signal, patient);
      try {
        const result = await dial();
        permit.succeeded();
        return result;
      } catch (error) {
        end(permit, error, signal);
        throw error;
      }
    } finally {
      this.#dials.detach(this);
    }
  }

  async #permit(signal: AbortSignal, patient: boolean): Promise<DialPermit> {
    for (;;) {
      signal.throwIfAborted();
      const permit = this.#dials.tryStart(this);
      if (permit !== null) return permit;
      if (!patient && this.#dials.down) throw this.#dials.lastError;
      await new Promise<void>((resolve) => {
        this.#wake = () => {
          signal.removeEventListener('abort', this.#wake);
          resolve();
        };
        signal.addEventListener('abort', this.#wake);
      });
    }
  }
}

/** Ends the permit. A server with the wrong role, or one that refuses the credentials, still counts as reachable. */
function end(permit: DialPermit, error: unknown, signal: AbortSignal): void {
  if (signal.aborted) permit.abandoned();
  else if (error instanceof SentinelError || error instanceof ResponseError) permit.succeeded();
  else permit.failed(error);
}
