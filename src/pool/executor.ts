import type { RequestOptions } from '../connection/request-options.ts';
import type { WaitOptions } from '../interfaces/wait-options.ts';
import type { CommandRequest } from '../connection/request-options.ts';
import type { RedisError } from '../errors/errors.ts';
import type { RedisValue, Reply, ReplyOf } from '../resp/types.ts';

export interface PoolRequestOptions extends RequestOptions {
  /** False: asks the server even where the cache knows; default true. */
  cache?: boolean | undefined;
  /** Cluster: commands of several slots are split and put together again; default false. */
  splitMultiKey?: boolean | undefined;
}

/** A promise that knows whether its command may have been executed. */
export type PoolRequest<T> = Promise<T> & { readonly maybeExecuted: boolean };

/** A light view of a pool with options of its own; it owns nothing. */
export interface Executor<D extends boolean> {
  execute<T extends ReplyOf<D> = ReplyOf<D>>(
    command: string | Uint8Array,
    ...args: RedisValue[]
  ): Promise<NoInfer<T>>;
  executeBatch(commands: readonly CommandRequest[], options?: WaitOptions): Promise<(Reply | RedisError)[]>;
}

interface Requester {
  request(command: string | Uint8Array, args: readonly RedisValue[], options: PoolRequestOptions): PoolRequest<Reply>;
  batch(commands: readonly CommandRequest[], options: WaitOptions): Promise<(Reply | RedisError)[]>;
}

/** An `Executor` in all but name: the compiler cannot relate two conditional types of one shape. */
export class OptionedExecutor<D extends boolean> {
  readonly #pool: Requester;
  readonly #options: PoolRequestOptions;

  constructor(pool: Requester, options: PoolRequestOptions) {
    this.#pool = pool;
    this.#options = { ...options };
  }

  execute<T extends ReplyOf<D> = ReplyOf<D>>(
    command: string | Uint8Array,
    ...args: RedisValue[]
  ): Promise<NoInfer<T>> {
    return this.#pool.request(command, args, this.#options) as unknown as Promise<NoInfer<T>>;
  }
  executeBatch(commands: readonly CommandRequest[], options: WaitOptions = {}): Promise<(Reply | RedisError)[]> {
    const { decode, encoding, signal, timeout } = this.#options;
    const all = commands.map((command) => ({ decode, encoding, ...command }));
    return this.#pool.batch(all, { signal, timeout, ...options });
  }
}
