import { isUint8Array } from 'node:util/types';
import type { CommandInfo } from '../commands/command-info.ts';
import { SCRIPT_LIKE, WRITE } from '../commands/flags.ts';
import { keysOf } from '../commands/keys.ts';
import { kept } from '../resp/decoding/native-slices.ts';
import type { TextMode } from '../resp/text-modes.ts';
import type { RedisValue } from '../resp/types.ts';
import type { CacheGuard } from './cache-guard.ts';
import { keyAsSent, type Key } from './cache-key.ts';

/** Writes without a key that change every key. */
const CHANGE_ALL: ReadonlySet<string> = new Set(['FLUSHALL', 'FLUSHDB', 'SWAPDB', 'CLUSTER FLUSHSLOT']);

/** Invalidates the cached keys that this process's own commands write. */
export class OwnWrites {
  readonly #guard: CacheGuard;
  readonly #textMode: TextMode;

  constructor(guard: CacheGuard, textMode: TextMode) {
    this.#guard = guard;
    this.#textMode = textMode;
  }

  /** A function that drops the keys a call writes; null if it writes none that are known. */
  dropOf(info: CommandInfo, args: readonly RedisValue[]): (() => void) | null {
    const guard = this.#guard;
    const unknown = info.keySpecs === null;
    if (!unknown && (info.flags & (WRITE | SCRIPT_LIKE)) === 0) return null;
    if (CHANGE_ALL.has(info.name)) return () => guard.flush();
    // Any argument of an unknown command may be a key.
    const named = unknown
      ? args.filter((arg) => typeof arg === 'string' || isUint8Array(arg))
      : keysOf(info, args);
    if (named.length === 0) return null;
    const keys = (named as Key[]).map((key) => kept(keyAsSent(key, this.#textMode)) as Key);
    return () => guard.wrote(keys);
  }
}
