import { fullJitter } from '../base/backoff.ts';
import { reportCallbackError } from '../base/callback-errors.ts';
import { LONGEST_DELAY } from '../base/clock.ts';
import { callback } from '../connection/option-rules.ts';
import { AbstractCredentialProvider, type Credentials } from '../interfaces/credential-provider.ts';
import type { Topology } from '../topology/topology.ts';

/**
 * Credentials that may expire. `expiresAt` is epoch milliseconds or a `Date`; absent: they are valid until
 * the next dial.
 */
export interface ExpiringCredentials {
  /** Default: `default`. */
  username?: string | undefined;
  password: string;
  expiresAt?: number | Date | undefined;
}
/** Returns credentials: called at each dial, and before they expire. Concurrent calls share one answer. */
export type CredentialsFunction = () => ExpiringCredentials | Promise<ExpiringCredentials>;

/** Credentials are renewed when this part of their lifetime is left, at most `LONGEST_LEFT` ms before their end. */
const PART_LEFT = 0.2;
const LONGEST_LEFT = 60_000;
/** Back-off in ms after a failed renewal. */
const RETRY = { base: 500, cap: 15_000 };

interface Held {
  readonly credentials: Credentials;
  /** Epoch ms; Infinity if they do not expire. */
  readonly expiresAt: number;
  readonly renewAt: number;
}

/** Makes a credential provider of the option `credentials`. */
export class RenewedCredentials extends AbstractCredentialProvider {
  readonly #ask: CredentialsFunction;
  readonly #listeners = new Set<() => void>();
  #held: Held | null = null;
  #asking: Promise<Held> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #failures = 0;

  constructor(ask: CredentialsFunction) {
    super();
    this.#ask = ask;
  }

  override async getCredentials(): Promise<Credentials> {
    const held = this.#held;
    const now = Date.now();
    if (held !== null && now < held.renewAt) return held.credentials;
    try {
      return (await this.#fetch()).credentials;
    } catch (error) {
      // Use the old credentials while they are valid.
      if (held !== null && Date.now() < held.expiresAt && held.expiresAt !== Infinity)
        return held.credentials;
      throw error;
    }
  }

  override onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    this.#plan();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0 || this.#timer === null) return;
      clearTimeout(this.#timer);
      this.#timer = null;
    };
  }

  #fetch(): Promise<Held> {
    this.#asking ??= (async () => this.#ask())()
      .then(heldOf)
      .then((held) => {
        this.#held = held.expiresAt === Infinity ? null : held;
        this.#failures = 0;
        this.#plan();
        return held;
      })
      .finally(() => {
        this.#asking = null;
      });
    return this.#asking;
  }

  #plan(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#held === null || this.#listeners.size === 0) return;
    const pause =
      this.#failures === 0
        ? this.#held.renewAt - Date.now()
        : fullJitter(this.#failures, RETRY.base, RETRY.cap);
    this.#timer = setTimeout(() => void this.#renew(), Math.min(Math.max(0, pause), LONGEST_DELAY));
    this.#timer.unref();
  }

  async #renew(): Promise<void> {
    const before = this.#held?.credentials;
    try {
      const { credentials } = await this.#fetch();
      if (credentials.username === before?.username && credentials.password === before.password) return;
    } catch {
      // Try again later; the next dial reports the error to its caller.
      this.#failures++;
      this.#plan();
      return;
    }
    for (const listener of [...this.#listeners]) listener();
  }
}

function heldOf(given: ExpiringCredentials): Held {
  const what = 'credentials() must give an object with a password';
  if (typeof given !== 'object' || given === null || typeof given.password !== 'string')
    throw new TypeError(what);
  const { username = 'default', password, expiresAt } = given;
  if (typeof username !== 'string') throw new TypeError('credentials(): username must be a string');
  const end = expiresAt === undefined ? Infinity : Number(expiresAt);
  if (Number.isNaN(end)) throw new TypeError('credentials(): expiresAt must be epoch milliseconds or a Date');
  const left = Math.min((end - Date.now()) * PART_LEFT, LONGEST_LEFT);
  return { credentials: { username, password }, expiresAt: end, renewAt: end - Math.max(0, left) };
}

export const credentials = callback<CredentialsFunction>();

/** Authenticates every open connection again when the provider announces new credentials. */
export class CredentialWatch {
  readonly #stop: (() => void) | null;

  /** `others` authenticates connections that belong to no node (subscribers). */
  constructor(
    provider: AbstractCredentialProvider | null,
    topology: Topology,
    others: (credentials: () => Promise<Credentials>) => void,
  ) {
    const ask = (): Promise<Credentials> => (provider as AbstractCredentialProvider).getCredentials();
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
      // The pool closes even if the provider's function throws.
      reportCallbackError(this, 'the function that onChange() of a credential provider returned', error);
    }
  }
}

function demandStop(stop: unknown): () => void {
  if (typeof stop === 'function') return stop as () => void;
  throw new TypeError('onChange() of a credential provider must return a function that removes the listener');
}
