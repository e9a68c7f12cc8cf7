import { isUint8Array } from 'node:util/types';
import { numberText } from '../../commands/arguments.ts';
import { CommandTable, toldOf } from '../../commands/command-table.ts';
import type { CommandInfo } from '../../commands/command-info.ts';
import { MULTI_KEY_SPLITTABLE, READONLY } from '../../commands/flags.ts';
import { ClusterCrossSlotError, ResponseError } from '../../errors/errors.ts';
import type { RedisValue, Reply } from '../../resp/types.ts';
import type { CommandPart } from '../topology.ts';
import { keySlot } from '../../commands/key-slot.ts';

/** The command has no key. */
export const NO_SLOT = -1;
/** Only a server can tell where the keys are. */
export const SLOT_UNKNOWN = -2;
const MAX_REMEMBERED = 1_000;

export type AskServer = (args: readonly RedisValue[]) => Promise<Reply>;

/** Computes the slot of a call. For unknown commands (of modules) it asks a server once. */
export class CommandKeys {
  readonly #encoding: string | undefined;
  readonly #table = new CommandTable();
  /** Commands that the server does not know either; it may reject them itself. */
  readonly #foreign = new Set<string>();
  readonly #asking = new Map<string, Promise<void>>();

  constructor(encoding: string) {
    this.#encoding = encoding === 'latin1' ? 'latin1' : undefined;
  }

  /** The slot of a call. @throws ClusterCrossSlotError if its keys are in several slots. */
  slotOf(info: CommandInfo, args: readonly RedisValue[]): number {
    const { soleKey } = info;
    if (soleKey >= 0) {
      const key = args[soleKey];
      if (typeof key === 'string') return keySlot(key, this.#encoding);
      return key === undefined ? NO_SLOT : this.slotOfKey(key);
    }
    if (info.keySpecs === null) {
      if (!this.#table.isKnown(info, args)) return this.#foreign.has(info.name) ? NO_SLOT : SLOT_UNKNOWN;
      if (this.#table.lookUp(info, args)?.complete === false) return SLOT_UNKNOWN;
    } else if (info.keySpecs.length === 0) {
      return NO_SLOT;
    }
    return this.#common(info, this.#table.keysOf(info, args));
  }

  slotOfKey(key: RedisValue): number {
    const isText = typeof key === 'string';
    return isText || isUint8Array(key) ? keySlot(key, this.#encoding) : keySlot(numberText(key));
  }

  /** Whether the command is read-only, so that a replica may answer it. */
  reads(info: CommandInfo): boolean {
    const flags = info.keySpecs === null ? this.#table.flagsOf(info, []) : info.flags;
    return (flags & READONLY) !== 0;
  }

  /** Asks a server about the command, once for all callers, then computes the slot of the call. */
  async learn(info: CommandInfo, args: readonly RedisValue[], ask: AskServer): Promise<number> {
    if (!this.#table.isKnown(info, args)) {
      let asking = this.#asking.get(info.name);
      if (asking === undefined) {
        asking = this.#askFor(info.name, ask).finally(() => this.#asking.delete(info.name));
        this.#asking.set(info.name, asking);
      }
      await asking;
    }
    const slot = this.slotOf(info, args);
    return slot === SLOT_UNKNOWN ? this.#askForKeys(info, args, ask) : slot;
  }

  async #askFor(name: string, ask: AskServer): Promise<void> {
    const told = toldOf(name);
    try {
      if (told !== undefined) {
        if (this.#table.take(told).includes(name)) return;
      } else if (this.#table.learn(await ask(['INFO', name])).includes(name)) return;
    } catch (error) {
      // If the user may not ask, redirects still find the node.
      if (!(error instanceof ResponseError)) throw error;
    }
    if (this.#foreign.size >= MAX_REMEMBERED) this.#foreign.clear();
    this.#foreign.add(name);
  }

  /** Asks the server for the keys of this call (`COMMAND GETKEYS`), because no table tells them. */
  async #askForKeys(info: CommandInfo, args: readonly RedisValue[], ask: AskServer): Promise<number> {
    let keys: Reply;
    try {
      keys = await ask(['GETKEYS', ...info.words, ...args]);
    } catch {
      return this.#common(info, this.#table.keysOf(info, args));
    }
    return this.#common(info, Array.isArray(keys) ? keys.filter(isKey) : []);
  }

  #common(info: CommandInfo, keys: readonly (string | Uint8Array)[]): number {
    let slot = NO_SLOT;
    for (const key of keys) {
      const next = keySlot(key, this.#encoding);
      if (slot !== NO_SLOT && next !== slot) throw crossSlot(info);
      slot = next;
    }
    return slot;
  }
}

function isKey(value: Reply): value is string | Buffer {
  return typeof value === 'string' || isUint8Array(value);
}

function crossSlot(info: CommandInfo): ClusterCrossSlotError {
  return new ClusterCrossSlotError(
    `the keys of ${info.name} live in several slots: give them a common {tag}, or use splitMultiKey where it helps`,
    { code: 'CROSSSLOT', command: info.name },
  );
}

/** Splits a command into one per slot, in the order of their first keys; null if it need not or cannot be split. */
export function splitBySlot(
  info: CommandInfo,
  args: readonly RedisValue[],
  slotOf: (key: RedisValue) => number,
): readonly CommandPart[] | null {
  if ((info.flags & MULTI_KEY_SPLITTABLE) === 0) return null;
  // Further words in the command's text are arguments as well.
  if (info.count > 1) args = [...info.words.slice(1), ...args];
  const step = info.name === 'MSET' ? 2 : 1;
  // Send a malformed call as it is: the server says what is wrong.
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
