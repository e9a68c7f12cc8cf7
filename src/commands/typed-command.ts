import { nameClass } from '../base/classes.ts';
import { RedisError } from '../errors/errors.ts';
import type { Decoding, RedisValue, Reply } from '../resp/types.ts';
import type { AnyCommand, ByCommand, CallArguments, CallReply, NameOf, ReplyTo } from './commands.ts';
import type { MergedToOne, NeverMerged } from './generated/tips.ts';

export declare const REPLY: unique symbol;

/** A command of a batch or a transaction whose reply type follows from its name. */
export interface TypedCommand<K extends string | Uint8Array, A extends readonly RedisValue[]> {
  readonly command: K;
  readonly args: A;
}

/** A command with an explicit reply type. */
export interface AnsweredCommand<R> {
  readonly command: string | Uint8Array;
  readonly args: readonly RedisValue[];
  /** Only in the types. */
  readonly [REPLY]?: R;
}

/**
 * A command for a batch or a transaction, with the type of its reply.
 *
 * @example
 * const [name, visits] = unwrap(await pool.executeBatch([command('GET', 'name'), command('INCR', 'visits')]));
 */
export function command<const K extends AnyCommand, const A extends readonly RedisValue[]>(
  name: K,
  ...args: CallArguments<K, A>
): TypedCommand<K, A> {
  return { command: name, args: args as readonly RedisValue[] as A };
}
nameClass(command, 'command');

/**
 * The replies of a batch without its errors.
 *
 * @throws the first error among them, a `RedisError`
 * @example const [name, visits] = unwrap(await pool.executeBatch([command('GET', 'n'), command('INCR', 'v')]));
 */
export function unwrap<const R extends readonly unknown[]>(
  entries: R,
): { -readonly [I in keyof R]: Exclude<R[I], RedisError> } {
  if (!Array.isArray(entries))
    throw new TypeError('unwrap() takes the entries of a batch: await the batch first');
  const error = entries.find((entry) => entry instanceof RedisError);
  if (error !== undefined) throw error;
  return entries as { -readonly [I in keyof R]: Exclude<R[I], RedisError> };
}
nameClass(unwrap, 'unwrap');

/** The reply of one command of a batch, by the `decodeResponses` of the pool. */
export type ReplyOfCommand<C, D extends Decoding> = typeof REPLY extends keyof C
  ? Exclude<C[typeof REPLY], undefined>
  : C extends { readonly command: infer K; readonly args?: infer A }
    ? ReplyTo<K, A extends readonly unknown[] ? A : [], DecodingOf<C, D>>
    : Reply;

/** The entries of a batch. */
export type BatchReplies<C extends readonly unknown[], D extends Decoding> = {
  -readonly [I in keyof C]: ReplyOfCommand<C[I], D> | RedisError;
};

export declare const UNSPECIFIED: unique symbol;
/** The type of the options of a call without options. */
export interface Unspecified {
  readonly [UNSPECIFIED]?: never;
}

/** How the reply is decoded: by the option `decode` of the call, otherwise by `D`. */
export type DecodingOf<O, D extends Decoding> = typeof UNSPECIFIED extends keyof O
  ? D
  : 'decode' extends keyof O
    ? O['decode'] extends boolean
      ? O['decode']
      : O['decode'] extends undefined
        ? D
        : boolean
    : D;

/** Replies added by options of the call: null with `noreply`, an error with `raiseExceptions: false`. */
export type ReplyByOptions<O> = typeof UNSPECIFIED extends keyof O
  ? never
  : O extends unknown
    ?
        | ('noreply' extends keyof O ? (true extends O['noreply'] ? null : never) : never)
        | ('raiseExceptions' extends keyof O
            ? false extends O['raiseExceptions']
              ? RedisError
              : never
            : never)
    : never;

/** Whether options of `executeOn` merge the replies; both if the compiler does not know. */
export type MergeOf<O> = typeof UNSPECIFIED extends keyof O
  ? 'each'
  : 'merge' extends keyof O
    ? O['merge'] extends true
      ? 'merged'
      : O['merge'] extends false | undefined
        ? 'each'
        : 'each' | 'merged'
    : 'each';

/** The result of `executeOn`: one reply per node `L`, or one for all with `merge: true`. */
export type NodesReply<L, T, K, A extends readonly unknown[], O, D extends Decoding> = {
  each: Map<L, CallReply<T, K, A, DecodingOf<O, D>> | ReplyByOptions<O> | RedisError>;
  merged: Merged<T, NameOf<K, A>, CallReply<T, K, A, DecodingOf<O, D>>> | ReplyByOptions<O>;
}[MergeOf<O>];

export type Merged<T, N, R> = [T] extends [ByCommand]
  ? [N] extends [never]
    ? R
    : [N] extends [MergedToOne]
      ? R
      : [N] extends [NeverMerged]
        ? never
        : Joined<R>
  : R;

/** The merged reply without a policy: one map or set, otherwise one list. */
export type Joined<R> = Reply[] extends R
  ? R
  : [R] extends [Map<unknown, unknown> | Set<unknown>]
    ? R
    : Element<R>[] | Extract<R, Map<unknown, unknown> | Set<unknown>>;

export type Element<R> = R extends readonly (infer M)[] ? M : R;
