import type { CollectionCommands } from './generated/collections.ts';
import type { KeyCommands } from './generated/keys.ts';
import type { ModuleCommands } from './generated/modules.ts';
import type { ServerCommands } from './generated/servers.ts';
import type { SortedSetCommands } from './generated/sorted-sets.ts';
import type { StringCommands } from './generated/strings.ts';
import type { Decoding, RedisValue, Reply, ReplyOf, TextOf } from '../resp/types.ts';

/**
 * Every known command by its upper-case name, a subcommand with its command (`'CLIENT LIST'`): the arguments as a
 * labelled tuple and the type of the reply, where `Text` is `string` or `Buffer`, as decoded. `options` and `then` are
 * replies that depend on the arguments. Open to your own commands:
 *
 * @example
 * declare module 'respool' {
 *   interface Commands<Text> {
 *     'MY.COMMAND': { args: [key: RedisValue]; reply: Text | null };
 *   }
 * }
 */
export interface Commands<Text>
  extends CollectionCommands<Text>,
    KeyCommands<Text>,
    ModuleCommands<Text>,
    ServerCommands<Text>,
    SortedSetCommands<Text>,
    StringCommands<Text> {}

/** The names in `Commands`. */
export type CommandName = keyof Commands<string> & string;
/** Anything that names a command. Editors complete the known names. */
export type AnyCommand = CommandName | (string & {}) | Uint8Array;
/** Says that the type of a reply follows from the command: the default of the explicit type of a call. */
export interface ByCommand {
  readonly 'the reply follows from the command': never;
}

/** The arguments of a command: its labelled tuple when it is known, else any. `A`: those that are given. */
export type ArgumentsOf<K, A extends readonly unknown[] = []> = [NameOf<K, A>] extends [never]
  ? RedisValue[]
  : TupleOf<K, A, NameOf<K, A>> extends infer Tuple extends readonly unknown[]
    ? Tuple
    : never;

export type TupleOf<K, A extends readonly unknown[], N extends CommandName> =
  Uppercase<K & string> extends N
    ? Commands<string>[N]['args']
    : [subcommand: A[0] & RedisValue, ...args: Commands<string>[N]['args']];

/**
 * The arguments of a call after the command. `A` is inferred from the values; a spread list of unknown length is
 * accepted unchecked.
 */
export type CallArguments<K, A extends readonly RedisValue[]> = [A] extends [never]
  ? A
  : number extends A['length']
    ? RedisValue[]
    : ArgumentsOf<K, A>;

/** As `CallArguments`, for a call that takes its arguments as a list. */
export type ListedArguments<K, A extends readonly RedisValue[]> = number extends A['length']
  ? readonly RedisValue[]
  : Readonly<ArgumentsOf<K, A>>;

/** The reply of a command that is called with these arguments, by `decodeResponses`. */
export type ReplyTo<K, A extends readonly unknown[] = RedisValue[], D extends Decoding = true> = [
  boolean,
] extends [D]
  ? Reply
  : [NameOf<K, A>] extends [never]
    ? ReplyOf<D>
    : ReplyOfEntry<Commands<TextOf<D>>[NameOf<K, A>], ArgumentsBehind<K, A>> extends infer R extends Reply
      ? General<R, D>
      : Reply;

/** The type of a call: the explicit type if one was given, else what follows from the command. */
export type CallReply<T, K, A extends readonly unknown[], D extends Decoding> = {
  command: ReplyTo<K, A, D>;
  explicit: T;
}[[T] extends [ByCommand] ? 'command' : 'explicit'];

/**
 * The key in `Commands` of a call, in any case and either spelling of subcommands; `never` when it has none. Nothing
 * here distributes over `K`: the compiler would try every known name.
 */
export type NameOf<K, A extends readonly unknown[]> = [K] extends [string]
  ? string extends K
    ? never
    : [Uppercase<K>] extends [infer N extends CommandName]
      ? [N] extends ['COMMAND']
        ? [SubcommandOf<N, A>] extends [never]
          ? N
          : SubcommandOf<N, A>
        : N
      : SubcommandOf<Uppercase<K>, A>
  : never;

export type SubcommandOf<K extends string, A extends readonly unknown[]> = A extends readonly [
  infer S extends string,
  ...unknown[],
]
  ? `${K} ${Uppercase<S>}` extends infer N extends CommandName
    ? N
    : never
  : never;

/** The arguments after the name, without the subcommand if it is the first one. */
export type ArgumentsBehind<K, A extends readonly unknown[]> =
  Uppercase<K & string> extends NameOf<K, A> ? A : A extends readonly [unknown, ...infer Rest] ? Rest : A;

/** Narrows the reply of a command that may return anything by the decoding. */
export type General<R, D extends Decoding> = [Reply] extends [R] ? ReplyOf<D> : R;

export type ReplyOfEntry<E, A extends readonly unknown[]> = E extends { options: infer O }
  ? number extends A['length']
    ? ReplyByCount<E, A> | O[keyof O]
    : ReplyByOption<E, O, A, WordsOf<Options<E, A>>>
  : ReplyByCount<E, A>;

export type ReplyByOption<E, O, A extends readonly unknown[], W> = [W] extends [never]
  ? ReplyByCount<E, A>
  : string extends W
    ? ReplyByCount<E, A> | O[keyof O]
    : [W & keyof O] extends [never]
      ? ReplyByCount<E, A>
      : O[W & keyof O];

export type ReplyByCount<E, A extends readonly unknown[]> = E extends { reply: infer R }
  ? E extends { from: infer N extends keyof Places; then: infer Then }
    ? number extends A['length']
      ? R | Then
      : A extends readonly [...Places[N], ...unknown[]]
        ? Then
        : R
    : R
  : never;

/** The arguments in which options are searched. */
export type Options<E, A extends readonly unknown[]> = E extends { after: infer N extends keyof Places }
  ? Behind<A, N>
  : E extends { keysAt: infer N extends keyof Places }
    ? Behind<A, N> extends readonly [infer Count, ...infer Rest]
      ? Count extends keyof Places
        ? Behind<Rest, Count>
        : Rest
      : []
    : A;

export type Behind<A extends readonly unknown[], N extends keyof Places> = A extends readonly [
  ...Places[N],
  ...infer Rest,
]
  ? Rest
  : [];

/** The strings in upper case; `string` for text unknown to the compiler. */
export type WordsOf<A extends readonly unknown[]> = A[number] extends infer W
  ? W extends string
    ? string extends W
      ? string
      : Uppercase<W>
    : W extends Uint8Array
      ? string
      : never
  : never;

export type P = unknown;
export interface Places {
  0: [];
  1: [P];
  2: [P, P];
  3: [P, P, P];
  4: [P, P, P, P];
  5: [P, P, P, P, P];
  6: [P, P, P, P, P, P];
  7: [P, P, P, P, P, P, P];
  8: [P, P, P, P, P, P, P, P];
}
