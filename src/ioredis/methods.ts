import type { Commands } from '../commands/commands.ts';
import type { Callback } from './command.ts';

/** The words of a call, in the forms that ioredis takes; a callback may come last. */
export type MethodArgument = unknown;

export type FirstWord<K extends string> = K extends `${infer First} ${string}` ? First : K;
export type CommandName = Lowercase<FirstWord<keyof Commands<string> & string>>;

/** The text reply of a command, if RESP2 and RESP3 give it the same shape; else unknown. */
export type TextReply<K extends string> =
  Uppercase<K> extends keyof Commands<string>
    ? Commands<string>[Uppercase<K>] extends { reply: infer R }
      ? Extract<R, string | number | null> extends infer Plain
        ? [R] extends [Plain]
          ? R
          : unknown
        : unknown
      : unknown
    : unknown;

/** Methods whose types a class declares itself. */
export type Own = 'multi' | 'monitor' | 'quit' | 'exec';

/** A method for each command, and a `…Buffer` variant that returns bytes. */
export type CommandMethods = {
  [K in Exclude<CommandName, Own>]: (...words: MethodArgument[]) => Promise<TextReply<K>>;
} & {
  [K in CommandName as `${K}Buffer`]: (...words: MethodArgument[]) => Promise<unknown>;
} & {
  quit(callback?: Callback<'OK'>): Promise<'OK'>;
  exec(callback?: Callback): Promise<unknown>;
  call(name: string, ...words: MethodArgument[]): Promise<unknown>;
  callBuffer(name: string, ...words: MethodArgument[]): Promise<unknown>;
  sentinel(...words: MethodArgument[]): Promise<unknown>;
  defineCommand(
    name: string,
    definition: { lua: string; numberOfKeys?: number | undefined; readOnly?: boolean | undefined },
  ): void;
};
