import { nameClass, refuseDirectConstruction } from '../base/classes.ts';
import { inspect } from 'node:util';

/** Credentials for `AUTH username password`. */
export interface Credentials {
  username: string;
  password: string;
}

/**
 * Gives the credentials at every dial, so they may change.
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
  /**
   * Called at every dial, within the time limit of the dial. If it rejects, its error is the `cause` of the
   * failed dial.
   */
  abstract getCredentials(): Promise<Credentials>;
  /**
   * Optional: calls `listener` whenever the credentials have changed, until the returned function is called.
   * Open connections then log in again.
   */
  onChange?(listener: () => void): () => void;
}

/**
 * Fixed credentials; by default the user `default` and an empty password.
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
