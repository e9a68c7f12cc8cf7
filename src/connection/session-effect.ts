import { wordText } from '../commands/arguments.ts';
import type { CommandInfo } from '../commands/command-info.ts';
import { HAS_EFFECT } from '../commands/flags.ts';
import { type EffectKind, effectOf, effectValue, helloName } from '../commands/session-effects.ts';
import type { RedisValue } from '../resp/types.ts';

/** What a command will do to its connection once the server has said yes. */
export interface Effect {
  readonly kind: EffectKind;
  /** Of `hello` the version, and after a space the name it sets. */
  readonly value: string;
}

/** What the ledger has to be told of a call; null for the many that leave their connection as it was. */
export function effectFor(info: CommandInfo, args: readonly RedisValue[]): Effect | null {
  if ((info.flags & HAS_EFFECT) === 0) return null;
  const kind = effectOf(info, args);
  if (kind === null || ELSEWHERE.has(kind)) return null;
  const value = effectValue(info, args) ?? '';
  if (kind === 'hello') {
    const name = helloName(info, args);
    return { kind, value: name === null ? value : `${value} ${name}` };
  }
  if (kind !== 'tracking') return { kind, value };
  if (value.toUpperCase() !== 'ON') return { kind, value: 'off' };
  const words = args.map((word) => wordText(word).toUpperCase());
  const redirect = words.indexOf('REDIRECT');
  return { kind, value: `on ${redirect === -1 ? '' : words[redirect + 1]}` };
}

/** Kept by counting, or no change at all. */
const ELSEWHERE = new Set<EffectKind>(['blocking', 'setinfo']);
