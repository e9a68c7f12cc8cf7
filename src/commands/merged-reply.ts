import type { RedisError } from '../errors/errors.ts';
import type { Decoding, Reply } from '../resp/types.ts';
import type { ByCommand, CallReply, NameOf } from './commands.ts';
import type { MergedToOne, NeverMerged } from './generated/tips.ts';
import type { DecodingOf, MergeOf, ReplyByOptions } from './typed-command.ts';

/** The answer of `executeOn`: one for each node `L`, or one in their place with `merge: true`. */
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

/** Without a policy: maps and sets become one, and everything else stands in one list. */
export type Joined<R> = Reply[] extends R
  ? R
  : [R] extends [Map<unknown, unknown> | Set<unknown>]
    ? R
    : Element<R>[] | Extract<R, Map<unknown, unknown> | Set<unknown>>;

export type Element<R> = R extends readonly (infer M)[] ? M : R;
