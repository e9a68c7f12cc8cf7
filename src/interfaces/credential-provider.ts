import { nameClass, refuseDirectConstruction } from '../base/classes.ts';
import { inspect } from 'node:util';

/** Credentials for `AUTH username password`. */
export interface Credentials {
  username: string;
  password: string;
}

/**
 * Provides the credentials. Called at every dial, so that they may change.
 *
 * @example
 * class Tokens extends AbstractCredentialProvider {
 *   override async getCredentials() {
 *     return { username: 'app', password: await fetchToken() };
 *   }
 * }
 */
export abstract class AbstractCredentialProvider {
  static {
    nameClass(this, 'AbstractCredentialProvider');
  }

  constructor() {
    refuseDirectConstruction(new.target, AbstractCredentialProvider);
  }
  /** Asked at every dial, within its time limit; what it rejects with is the `cause` of the failed dial. */
  abstract getCredentials(): Promise<Credentials>;
  /**
   * Optional: calls `listener` whenever the credentials have changed, until the returned function is called.
   * Live connections are then authenticated again.
   */
  onChange?(listener: () => void): () => void;
}

/**
 * Fixed credentials: user `default` and an empty password where none are given.
 *
 * @example new ConnectionPool({ host: 'cache.example', credentialProvider: new UserPassCredentialProvider('app', 'secret') })
 */
export class UserPassCredentialProvider extends AbstractCredentialProvider {
  static {
    nameClass(this, 'UserPassCredentialProvider');
  }

  readonly #username: string;
  readonly #password: string;

  constructor(username?: string | null, password?: string | null) {
    super();
    this.#username = text('username', username, 'default');
    this.#password = text('password', password, '');
  }

  override getCredentials(): Promise<Credentials> {
    return Promise.resolve({ username: this.#username, password: this.#password });
  }

  toJSON(): Record<string, unknown> {
    return { username: this.#username, password: '[hidden]' };
  }
  [inspect.custom](): string {
    return `UserPassCredentialProvider<${this.#username}>`;
  }
}

function text(name: string, value: unknown, fallback: string): string {
  if (value === undefined || value === null) return fallback;
  if (typeof value !== 'string') throw new TypeError(`${name} must be a string`);
  return value;
}
