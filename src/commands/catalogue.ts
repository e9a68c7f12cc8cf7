import { SERVER_COMMANDS } from './command-data.ts';
import { LEARNED, READONLY, WRITE } from './flags.ts';
import { parseKeySpec } from './key-specs.ts';
import type { KeySpec } from './key-specs.ts';
import { MODULE_COMMANDS } from './module-commands.ts';
import { collectTraits } from './traits.ts';

/** An entry of the built-in command tables. */
export interface CommandEntry {
  /** In upper case; a subcommand includes its command: `CLIENT SETNAME`. */
  readonly name: string;
  readonly flags: number;
  readonly keySpecs: readonly KeySpec[];
  /** By upper-case name; null for a command without subcommands. */
  subcommands: Map<string, CommandEntry> | null;
}

const NO_KEYS: readonly KeySpec[] = [];
const catalogue = buildCatalogue();

/** Finds a command by its upper-case name, without subcommand. */
export function findEntry(name: string): CommandEntry | undefined {
  return catalogue.get(name);
}

/** Adds a command learned from a server; built-in entries take precedence. */
export function addEntry(name: string, flags: number, keySpecs: readonly KeySpec[]): void {
  const [first = '', second] = name.split(' ');
  const entry: CommandEntry = { name, flags: flags | LEARNED, keySpecs, subcommands: null };
  const known = catalogue.get(first);
  if (second === undefined) {
    if (known === undefined) catalogue.set(first, entry);
  } else if (known === undefined || (known.flags & LEARNED) !== 0) {
    subcommandsOf(catalogue, first).set(second, entry);
  }
}

/** Every known command and subcommand. */
export function* allEntries(): Generator<CommandEntry> {
  for (const entry of catalogue.values()) {
    yield entry;
    if (entry.subcommands !== null) yield* entry.subcommands.values();
  }
}

function buildCatalogue(): Map<string, CommandEntry> {
  const traits = collectTraits();
  const entries = new Map<string, CommandEntry>();
  for (const [text, names] of [...MODULE_COMMANDS, ...SERVER_COMMANDS]) {
    const [access = '-', ...specTexts] = text.split(' ');
    const keySpecs = specTexts.length === 0 ? NO_KEYS : specTexts.map(parseKeySpec);
    const flags = accessFlags(access);
    for (const path of names.split(' ')) {
      const [first = '', second] = path.split('|');
      const entry = { name: path.replace('|', ' '), flags: flags | (traits.get(path) ?? 0), keySpecs };
      if (second === undefined) {
        entries.set(first, { ...entry, subcommands: entries.get(first)?.subcommands ?? null });
      } else {
        subcommandsOf(entries, first).set(second, { ...entry, subcommands: null });
      }
    }
  }
  return entries;
}

function subcommandsOf(entries: Map<string, CommandEntry>, name: string): Map<string, CommandEntry> {
  let parent = entries.get(name);
  if (parent === undefined) {
    parent = { name, flags: 0, keySpecs: NO_KEYS, subcommands: null };
    entries.set(name, parent);
  }
  parent.subcommands ??= new Map();
  return parent.subcommands;
}

function accessFlags(access: string): number {
  if (access.startsWith('r')) return READONLY;
  return access.startsWith('w') ? WRITE : 0;
}
