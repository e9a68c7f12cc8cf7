import { isUint8Array } from 'node:util/types';
import { wordAt, wordCount, wordText } from '../../commands/arguments.ts';
import type { CommandInfo } from '../../commands/command-info.ts';
import { HAS_EFFECT } from '../../commands/flags.ts';
import { type EffectKind, effectOf, effectValue, helloName } from '../../commands/session-effects.ts';
import { privateCopy } from '../../resp/decoding/native-slices.ts';
import type { RedisValue } from '../../resp/types.ts';

/** The change of connection state that a command causes if the server accepts it. */
export interface Effect {
  readonly kind: EffectKind;
  /** The value set. For `hello`: the version, then a space and the client name if it sets one. */
  readonly value: string;
}

/** The effect of a command on its connection; null for most commands. */
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
  return { kind, value: trackingMode(info, args) };
}

/** `on`, the redirect target and the sorted options: equal tracking modes give equal texts. */
function trackingMode(info: CommandInfo, args: readonly RedisValue[]): string {
  let redirect = '';
  const options = new Set<string>();
  const prefixes = new Set<string>();
  const count = wordCount(info, args);
  for (let at = info.nameLength + 1; at < count; at++) {
    const option = wordText(wordAt(info, args, at)).toUpperCase();
    if (option === 'REDIRECT') redirect = wordText(wordAt(info, args, ++at));
    else if (option === 'PREFIX') prefixes.add(`PREFIX=${hex(wordAt(info, args, ++at))}`);
    else options.add(option);
  }
  // BCAST without a prefix means the empty prefix.
  if (options.has('BCAST') && prefixes.size === 0) prefixes.add('PREFIX=');
  return ['on', redirect, ...[...options, ...prefixes].sort()].join(' ');
}

function hex(value: RedisValue = ''): string {
  const bytes = isUint8Array(value) ? privateCopy(value) : Buffer.from(String(value));
  return bytes.toString('hex');
}

/** Effects not in the ledger: blocking commands are counted instead, and SETINFO changes nothing that matters. */
const ELSEWHERE = new Set<EffectKind>(['blocking', 'setinfo']);
