import type { BaseConnection } from '../connection/base-connection.ts';
import type { AbstractCredentialProvider, Credentials } from '../interfaces/credential-provider.ts';
import type { Topology } from '../topology/topology.ts';

/** Hands new credentials to every live connection when their provider announces a change. */
export class CredentialWatch<C extends BaseConnection> {
  readonly #stop: (() => void) | null;

  /** `others`: connections of the pool that belong to no node. */
  constructor(
    provider: AbstractCredentialProvider | null,
    topology: Topology<C>,
    others: (credentials: () => Promise<Credentials>) => void,
  ) {
    const ask = (): Promise<{ username: string; password: string }> =>
      (provider as AbstractCredentialProvider).getCredentials();
    const changed = (): void => {
      for (const node of topology.nodes()) node.reAuthenticate(ask);
      others(ask);
    };
    this.#stop = provider?.onChange?.(changed) ?? null;
  }

  stop(): void {
    this.#stop?.();
  }
}
