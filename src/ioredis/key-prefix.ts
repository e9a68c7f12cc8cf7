import { isKeyword } from '../commands/arguments.ts';
import { resolveCommand } from '../commands/command-info.ts';
import { keyPositions } from '../commands/keys.ts';
import type { RedisValue } from '../resp/types.ts';

/** Adds `prefix` to each key of a call, and to the patterns of SORT that stand for keys. */
export function prefixKeys(name: string, args: RedisValue[], prefix: string | Buffer): void {
  const info = resolveCommand(name, args);
  const places = keyPositions(info, args).map((position) => position - info.count);
  if (info.name === 'SORT' || info.name === 'SORT_RO') addPatterns(args, places);
  for (const at of places) {
    const key = args[at];
    if (key === undefined) continue;
    if (typeof prefix === 'string' && typeof key === 'string') args[at] = prefix + key;
    else args[at] = Buffer.concat([Buffer.from(prefix), Buffer.from(key as string)]);
  }
}

/** Adds `BY weight_*` and `GET object_*->name`; a word without a star names no key. */
function addPatterns(args: readonly RedisValue[], places: number[]): void {
  for (let at = 1; at + 1 < args.length; at++) {
    const word = args[at];
    if (isKeyword(word, 'LIMIT')) at += 2;
    else if (isKeyword(word, 'BY') || isKeyword(word, 'GET')) {
      if (String(args[++at]).includes('*')) places.push(at);
    }
  }
}
