import { inspect } from 'node:util';
import { checkDuration, checkSignal, type WaitOptions } from '../base/deadline.ts';
import type { AnyCommand, ByCommand, CallArguments, CallReply } from '../commands/commands.ts';
import type { BatchReplies } from '../commands/typed-command.ts';
import type { CommandRequest } from '../connection/requests/request-options.ts';
import type { RedisError } from '../errors/errors.ts';
import type { SubscriptionTarget } from '../pubsub/pubsub-command.ts';
import type { SubscriptionAck } from '../pubsub/subscriptions/subscription-kinds.ts';
import { checkCallOptions, type PoolRequest, type PoolRequestOptions } from './calls/call-options.ts';
import type { DecodesMark, Decoding, RedisValue, Reply, ReplyOf } from '../resp/types.ts';
import { textMode } from '../resp/text-modes.ts';

/** A light view of a pool with its own options; it owns nothing. `X`: the type that the options add to every reply. */
export interface Executor<D extends Decoding, X = never> {
  /** Only in the types: lets the compiler compare pools of different `decodeResponses` member by member. */
  readonly decodes?: DecodesMark<D>;
  /** One command, as `execute` of the pool. */
  execute<
    T extends ReplyOf<D> | ByCommand = ByCommand,
    const K extends AnyCommand = string | Uint8Array,
    const A extends readonly RedisValue[] = RedisValue[],
  >(command: K, ...args: CallArguments<K, A>): Promise<CallReply<T, K, A, D> | X>;
  /** Commands back to back, as `executeBatch` of the pool. */
  executeBatch<const C extends readonly CommandRequest[]>(
    commands: C,
    options?: WaitOptions,
  ): Promise<BatchReplies<C, D>>;
  /** Only `timeout` and `signal` of the options mean something here. */
  executePubsub(command: string, ...channels: SubscriptionTarget[]): Promise<SubscriptionAck[]>;
}

/** Fills in defaults; `undefined` counts as absent. */
function withDefaults<A extends object, B extends object>(given: A, defaults: B): B & A {
  const merged = { ...given } as Record<string, unknown>;
  for (const [name, value] of Object.entries(defaults)) if (merged[name] === undefined) merged[name] = value;
  return merged as B & A;
}

interface Requester {
  pubsub(
    command: string,
    channels: readonly SubscriptionTarget[],
    limits: WaitOptions,
  ): Promise<SubscriptionAck[]>;
  request(
    command: string | Uint8Array,
    args: readonly RedisValue[],
    options: PoolRequestOptions,
  ): PoolRequest<Reply>;
  batch(commands: readonly CommandRequest[], options: PoolRequestOptions): Promise<(Reply | RedisError)[]>;
}

/** The view that `with()` returns. */
export class OptionedExecutor<D extends Decoding, X> implements Executor<D, X> {
  declare readonly decodes?: DecodesMark<D>;
  readonly #pool: Requester;
  readonly #options: PoolRequestOptions;

  constructor(pool: Requester, options: PoolRequestOptions) {
    this.#pool = pool;
    this.#options = { ...checkCallOptions(options) };
    checkDuration('timeout', options.timeout);
    checkSignal('signal', options.signal);
    if (options.encoding !== undefined) textMode(options.encoding);
  }

  execute<
    T extends ReplyOf<D> | ByCommand = ByCommand,
    const K extends AnyCommand = string | Uint8Array,
    const A extends readonly RedisValue[] = RedisValue[],
  >(command: K, ...args: CallArguments<K, A>): Promise<CallReply<T, K, A, D> | X>;
  execute(command: string | Uint8Array, ...args: RedisValue[]): Promise<unknown> {
    return this.#pool.request(command, args, this.#options);
  }
  executeBatch<const C extends readonly CommandRequest[]>(
    commands: C,
    options?: WaitOptions,
  ): Promise<BatchReplies<C, D>>;
  executeBatch(commands: readonly CommandRequest[], options: WaitOptions = {}): Promise<unknown> {
    const { decode, encoding, ...own } = this.#options;
    try {
      const all = commands.map((command) => withDefaults(command, { decode, encoding }));
      return this.#pool.batch(all, withDefaults(options, own));
    } catch (error) {
      return Promise.reject(error);
    }
  }
  executePubsub(command: string, ...channels: SubscriptionTarget[]): Promise<SubscriptionAck[]> {
    const { signal, timeout } = this.#options;
    return this.#pool.pubsub(command, channels, { signal, timeout });
  }

  toString(): string {
    const shown = Object.entries(this.#shown()).map(([name, value]) => `${name}=${String(value)}`);
    return `Executor<${shown.join(', ')}>`;
  }
  toJSON(): Record<string, unknown> {
    return { type: 'Executor', options: this.#shown() };
  }
  [inspect.custom](): string {
    return this.toString();
  }

  /** The options with plain values, for printing. */
  #shown(): Record<string, unknown> {
    const plain = Object.entries(this.#options).filter(([, value]) => typeof value !== 'object');
    return Object.fromEntries(plain);
  }
}
