import { checkDuration, checkSignal } from '../base/deadline.ts';
import type { WaitOptions } from '../interfaces/wait-options.ts';
import type { CommandRequest } from '../connection/requests/request-options.ts';
import type { RedisError } from '../errors/errors.ts';
import type { SubscriptionTarget } from '../pubsub/pubsub-command.ts';
import { checkCallOptions, type PoolRequest, type PoolRequestOptions } from './calls/call-options.ts';
import { type RedisValue, type Reply, type ReplyOf, textMode } from '../resp/types.ts';

/** A light view of a pool with options of its own; it owns nothing. */
export interface Executor<D extends boolean> {
  execute<T extends ReplyOf<D> = ReplyOf<D>>(
    command: string | Uint8Array,
    ...args: RedisValue[]
  ): Promise<NoInfer<T>>;
  executeBatch(commands: readonly CommandRequest[], options?: WaitOptions): Promise<(Reply | RedisError)[]>;
  /** Only `timeout` and `signal` of the options mean something here. */
  executePubsub(command: string, ...channels: SubscriptionTarget[]): Promise<Reply[]>;
}

/** `undefined` counts as absent. */
function withDefaults<A extends object, B extends object>(given: A, defaults: B): B & A {
  const merged = { ...given } as Record<string, unknown>;
  for (const [name, value] of Object.entries(defaults)) if (merged[name] === undefined) merged[name] = value;
  return merged as B & A;
}

interface Requester {
  pubsub(command: string, channels: readonly SubscriptionTarget[], limits: WaitOptions): Promise<Reply[]>;
  request(
    command: string | Uint8Array,
    args: readonly RedisValue[],
    options: PoolRequestOptions,
  ): PoolRequest<Reply>;
  batch(commands: readonly CommandRequest[], options: PoolRequestOptions): Promise<(Reply | RedisError)[]>;
}

/** An `Executor` in all but name: the compiler cannot relate two conditional types of one shape. */
export class OptionedExecutor<D extends boolean> {
  readonly #pool: Requester;
  readonly #options: PoolRequestOptions;

  constructor(pool: Requester, options: PoolRequestOptions) {
    this.#pool = pool;
    this.#options = { ...checkCallOptions(options) };
    checkDuration('timeout', options.timeout);
    checkSignal('signal', options.signal);
    if (options.encoding !== undefined) textMode(options.encoding);
  }

  execute<T extends ReplyOf<D> = ReplyOf<D>>(
    command: string | Uint8Array,
    ...args: RedisValue[]
  ): Promise<NoInfer<T>> {
    return this.#pool.request(command, args, this.#options) as unknown as Promise<NoInfer<T>>;
  }
  executeBatch(
    commands: readonly CommandRequest[],
    options: WaitOptions = {},
  ): Promise<(Reply | RedisError)[]> {
    const { decode, encoding, ...own } = this.#options;
    try {
      const all = commands.map((command) => withDefaults(command, { decode, encoding }));
      return this.#pool.batch(all, withDefaults(options, own));
    } catch (error) {
      return Promise.reject(error);
    }
  }
  executePubsub(command: string, ...channels: SubscriptionTarget[]): Promise<Reply[]> {
    const { signal, timeout } = this.#options;
    return this.#pool.pubsub(command, channels, { signal, timeout });
  }
}
