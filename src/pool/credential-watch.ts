import type { BaseConnection } from '../connection/base-connection.ts';
import type { AbstractCredentialProvider, Credentials } from '../interfaces/credential-provider.ts';
import { reportCallbackError } from '../base/callback-errors.ts';
import type { Topology } from '../topology/topology.ts';

/** Hands new credentials to every live connection when their provider announces a change. */
export class CredentialWatch {
  readonly #stop: (() => void) | null;

  /** `others`: connections of the pool that belong to no node. */
  constructor(
    provider: AbstractCredentialProvider | null,
    topology: Topology<BaseConnection>,
    others: (credentials: () => Promise<Credentials>) => void,
  ) {
    const ask = (): Promise<{ username: string; password: string }> =>
      (provider as AbstractCredentialProvider).getCredentials();
    const changed = (): void => {
      for (const node of topology.nodes()) node.reAuthenticate(ask);
      others(ask);
    };
    this.#stop = provider?.onChange === undefined ? null : demandStop(provider.onChange(changed));
  }

  stop(): void {
    try {
      this.#stop?.();
    } catch (error) {
      // The end of a pool is not held up by it.
      reportCallbackError(this, 'the function that onChange() of a credential provider returned', error);
    }
  }
}

function demandStop(stop: unknown): () => void {
  if (typeof stop === 'function') return stop as () => void;
  throw new TypeError('onChange() of a credential provider must return a function that ends it');
}
