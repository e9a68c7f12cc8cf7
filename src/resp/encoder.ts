import type { RedisValue } from './types.ts';

/** Bytes to send. A string's characters are bytes (latin1); a `Buffer` is private and never changes. */
export type Wire = string | readonly (string | Buffer)[];

/** A command's words, ready to be put in front of its arguments. */
export interface CommandHead {
  readonly words: readonly string[];
  readonly count: number;
  readonly encoded: string;
}

/** Splits a command on whitespace; throws `TypeError` for an empty one. */
export function encodeWords(_command: string | Uint8Array): CommandHead {
  throw new Error('unfinished');
}

/** One command on the wire, or a `TypeError` that names the argument's index; nothing is half done. */
export function encodeCommand(
  _head: { readonly count: number; readonly encoded: string },
  _args: readonly RedisValue[],
  _mode: 1 | 2 | 3,
): Wire {
  throw new Error('unfinished');
}

/** How many bytes a wire form has. */
export function wireLength(_wire: Wire): number {
  throw new Error('unfinished');
}
