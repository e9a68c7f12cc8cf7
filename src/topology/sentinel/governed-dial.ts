import { ResponseError, SentinelError } from '../../errors/errors.ts';
import { dialGovernor } from '../../node/dials.ts';
import type { AddressDials, DialCandidate, DialGovernor, DialPermit } from '../../pooling/dial-governor.ts';
import type { TCPLocation } from '../../transport/location.ts';

/** The news that an address is to be tried again at once, whatever pause it is in. */
export function hurryDials(location: TCPLocation, governor: DialGovernor = dialGovernor): void {
  const address = location.toString();
  const dials = governor.attach(address);
  dials.hurry();
  dials.users--;
}

/** One dial to an address, in its turn: what the whole process knows of that address holds here too. */
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

  /** `patient`: waits for a pause to end; otherwise its last failure is thrown. */
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

/** A server that has another role, or refuses the credentials, is reachable. */
function end(permit: DialPermit, error: unknown, signal: AbortSignal): void {
  if (signal.aborted) permit.abandoned();
  else if (error instanceof SentinelError || error instanceof ResponseError) permit.succeeded();
  else permit.failed(error);
}
