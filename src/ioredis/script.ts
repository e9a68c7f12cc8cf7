import { createHash } from 'node:crypto';
import type { RedisValue } from '../resp/types.ts';

/** A Lua script of `defineCommand`. */
export class Script {
  readonly sha: string;
  readonly lua: string;
  readonly numberOfKeys: number | null;
  readonly readOnly: boolean;
  /** The constant words of a call in one string, which the core encodes only once. */
  readonly head: string;

  constructor(lua: string, numberOfKeys?: number | null, readOnly?: boolean) {
    this.lua = lua;
    this.numberOfKeys = numberOfKeys ?? null;
    this.readOnly = readOnly ?? false;
    this.sha = createHash('sha1').update(lua).digest('hex');
    this.head = ['evalsha', ...this.#words(this.sha)].join(' ');
  }

  /** Whether a connection already knows the script; marks it as known. */
  isKnown(known: Set<string>): boolean {
    if (known.has(this.sha)) return true;
    known.add(this.sha);
    return false;
  }

  /** Arguments of EVAL. */
  withText(args: readonly RedisValue[]): RedisValue[] {
    return [...this.#words(this.lua), ...args];
  }
  /** Arguments of EVALSHA. */
  withDigest(args: readonly RedisValue[]): RedisValue[] {
    return [...this.#words(this.sha), ...args];
  }

  #words(first: string): string[] {
    return this.numberOfKeys === null ? [first] : [first, String(this.numberOfKeys)];
  }
}

export interface ScriptDefinition {
  lua: string;
  numberOfKeys?: number | undefined;
  readOnly?: boolean | undefined;
}
