import { nameClass } from '../../base/classes.ts';
import { fullJitter, type Random } from '../../base/backoff.ts';
import { demandKnown } from '../../base/known-options.ts';
import { resolveCommand } from '../../commands/command-info.ts';
import { READONLY } from '../../commands/flags.ts';

/** The call and its failure, as passed to a retry policy. */
export interface RetryContext {
  /** The command's name, never its arguments. */
  command: string;
  /** The server may have run it. */
  maybeExecuted: boolean;
  /** Milliseconds since the call began. */
  elapsed: number;
  /** The command only reads; absent: not known. */
  readOnly?: boolean | undefined;
  /** The option `idempotent` of the call; absent: the call does not set it. */
  idempotent?: boolean | undefined;
}

/** Decides whether a failed call is repeated. */
export interface RetryPolicy {
  /**
   * Returns the pause before the next attempt in ms, or null to give up. `attempt` counts the attempts so
   * far, from 1.
   */
  next(attempt: number, error: Error, context: RetryContext): number | null;
}

/** Options of an `ExponentialBackoffRetryPolicy`; times are milliseconds. */
export interface ExponentialBackoffOptions {
  /** How often a call is repeated at most; default 3. */
  retries?: number | undefined;
  /** The upper limit of the first random pause in milliseconds; it doubles with each attempt; default 20. */
  base?: number | undefined;
  /** The longest pause in milliseconds; default 2,000. */
  cap?: number | undefined;
  /** Repeats read-only commands also when the server may have run them; default false. */
  retryReadOnly?: boolean | undefined;
}

const KNOWN = new Set(['retries', 'base', 'cap', 'retryReadOnly']);

/**
 * Exponential back-off with full jitter. It repeats only commands that surely did not run. Every pool uses it
 * by default.
 *
 * @example new ExponentialBackoffRetryPolicy({ retries: 5, retryReadOnly: true }) // also reads whose reply was lost
 */
export class ExponentialBackoffRetryPolicy implements RetryPolicy {
  static {
    nameClass(this, 'ExponentialBackoffRetryPolicy');
  }

  readonly retries: number;
  readonly base: number;
  readonly cap: number;
  readonly retryReadOnly: boolean;
  #random: Random;

  constructor(options: ExponentialBackoffOptions = {}, random: Random = Math.random) {
    demandKnown(options, KNOWN, 'a retry policy');
    this.retries = count('retries', options.retries ?? 3);
    this.base = pause('base', options.base ?? 20);
    this.cap = pause('cap', options.cap ?? 2000);
    this.retryReadOnly = options.retryReadOnly ?? false;
    if (typeof this.retryReadOnly !== 'boolean') throw new TypeError('retryReadOnly must be true or false');
    this.#random = random;
  }

  next(attempt: number, error: Error, context: RetryContext): number | null {
    if (attempt > this.retries || error instanceof TypeError) return null;
    const harmless = context.idempotent ?? (this.retryReadOnly && isReadOnly(context));
    if (context.maybeExecuted && !harmless) return null;
    return fullJitter(Math.max(0, attempt - 1), this.base, this.cap, this.#random);
  }
}

function isReadOnly({ command, readOnly }: RetryContext): boolean {
  return readOnly ?? (resolveCommand(command, []).flags & READONLY) !== 0;
}

function count(name: string, value: number): number {
  if (Number.isInteger(value) && value >= 0) return value;
  throw new TypeError(`${name} must be an integer of at least 0; got ${String(value)}`);
}

function pause(name: string, value: number): number {
  if (Number.isFinite(value) && value > 0) return value;
  throw new TypeError(`${name} must be a number of milliseconds above 0; got ${String(value)}`);
}
