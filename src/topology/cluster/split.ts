import type { CommandInfo } from '../../commands/command-info.ts';
import { MULTI_KEY_SPLITTABLE } from '../../commands/flags.ts';
import type { RedisValue } from '../../resp/types.ts';
import type { CommandPart } from '../topology.ts';

/** The command as one for each slot, in the order of their first keys; null when it need not or cannot be split. */
export function splitBySlot(
  info: CommandInfo,
  args: readonly RedisValue[],
  slotOf: (key: RedisValue) => number,
): readonly CommandPart[] | null {
  if ((info.flags & MULTI_KEY_SPLITTABLE) === 0) return null;
  // Words behind the name in the text of the command are arguments as well.
  if (info.count > 1) args = [...info.words.slice(1), ...args];
  const step = info.name === 'MSET' ? 2 : 1;
  // The server says what is wrong with such a call.
  if (args.length === 0 || args.length % step !== 0) return null;
  const parts = new Map<number, { args: RedisValue[]; positions: number[] }>();
  for (let index = 0; index < args.length; index += step) {
    const key = args[index]!;
    const slot = slotOf(key);
    let part = parts.get(slot);
    if (part === undefined) parts.set(slot, (part = { args: [], positions: [] }));
    part.args.push(...args.slice(index, index + step));
    part.positions.push(index / step);
  }
  return parts.size > 1 ? [...parts.values()] : null;
}
