import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ReplyMap, ReplySet } from '../../src/index.ts';

/** A type of scripts/commands/replies.txt as a check; `text`: whether strings are decoded. */
export type ReplyCheck = (value: unknown, text: boolean) => boolean;

interface Entry {
  readonly reply: ReplyCheck;
  readonly options: Map<string, ReplyCheck>;
  readonly atLeast: { readonly count: number; readonly check: ReplyCheck } | null;
}

const isText: ReplyCheck = (value, text) => (text ? typeof value === 'string' : Buffer.isBuffer(value));
const isInteger: ReplyCheck = (value) => Number.isSafeInteger(value) || typeof value === 'bigint';

const NAMES: Record<string, ReplyCheck> = {
  Text: isText,
  Ok: (value) => String(value) === 'OK',
  Integer: isInteger,
  number: (value) => typeof value === 'number',
  boolean: (value) => typeof value === 'boolean',
  null: (value) => value === null,
  Reply: (value) => value !== undefined && !(value instanceof Error),
};

/** Reads one type: unions, arrays, tuples with labels and a rest, `Map`, `Set`, words and numbers. */
class TypeReader {
  readonly #tokens: string[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = text.match(/\.\.\.|'\w+'|\w+|[[\]()<>|,:]/g) ?? [];
  }

  union(): ReplyCheck {
    const members = [this.#postfix()];
    while (this.#take('|')) members.push(this.#postfix());
    return (value, text) => members.some((member) => member(value, text));
  }

  #postfix(): ReplyCheck {
    let check = this.#primary();
    while (this.#peek() === '[' && this.#tokens[this.#at + 1] === ']') {
      this.#at += 2;
      const element = check;
      check = (value, text) => Array.isArray(value) && value.every((item) => element(item, text));
    }
    return check;
  }

  #primary(): ReplyCheck {
    const token = this.#tokens[this.#at++] ?? '';
    if (token === '(') {
      const inner = this.union();
      this.#expect(')');
      return inner;
    }
    if (token === '[') return this.#tuple();
    if (token === 'Map' || token === 'Set') return this.#collection(token);
    if (token.startsWith("'")) return (value) => String(value) === token.slice(1, -1);
    if (/^\d+$/.test(token)) return (value) => value === Number(token);
    const named = NAMES[token];
    if (named === undefined) throw new SyntaxError(`no type of a reply: ${token}`);
    return named;
  }

  #tuple(): ReplyCheck {
    const elements: ReplyCheck[] = [];
    let rest: ReplyCheck | null = null;
    while (!this.#take(']')) {
      const spread = this.#take('...');
      if (this.#tokens[this.#at + 1] === ':') this.#at += 2;
      const element = this.union();
      if (spread) rest = element;
      else elements.push(element);
      this.#take(',');
    }
    return (value, text) => {
      if (!Array.isArray(value) || value.length < elements.length) return false;
      if (rest === null && value.length !== elements.length) return false;
      const front = elements.every((element, index) => element(value[index], text));
      return front && (rest === null || rest(value.slice(elements.length), text));
    };
  }

  #collection(kind: string): ReplyCheck {
    this.#expect('<');
    const first = this.union();
    const second = this.#take(',') ? this.union() : first;
    this.#expect('>');
    if (kind === 'Set')
      return (value, text) => value instanceof ReplySet && [...value].every((item) => first(item, text));
    return (value, text) =>
      value instanceof ReplyMap && [...value].every(([key, item]) => first(key, text) && second(item, text));
  }

  #peek(): string | undefined {
    return this.#tokens[this.#at];
  }
  #take(token: string): boolean {
    if (this.#peek() !== token) return false;
    this.#at += 1;
    return true;
  }
  #expect(token: string): void {
    if (!this.#take(token)) throw new SyntaxError(`expected ${token}, found ${this.#peek()}`);
  }
}

/** The table that the types are generated from, by command. */
export function replyTable(): Map<string, Entry> {
  const root = process.env['RESPOOL_ROOT'] ?? process.cwd();
  const lines = readFileSync(join(root, 'scripts/commands/replies.txt'), 'utf8').split('\n');
  const table = new Map<string, Entry>();
  const aliases = new Map<string, string>();
  let latest: { -readonly [K in keyof Entry]: Entry[K] } | null = null;
  for (const line of lines) {
    const match = /^(\s*)(@\w+|\d+\+|[^\s[(<']+(?: [A-Z-]+(?=\s\s|\s[^|]*$))?)\s+(.+)$/.exec(line);
    if (line.startsWith('#') || match === null) continue;
    const [, indent = '', name = '', text = ''] = match;
    const type = text.trim().replaceAll(/@\w+/g, (alias) => aliases.get(alias) ?? alias);
    if (name.startsWith('@')) {
      aliases.set(name, type);
      continue;
    }
    const check = new TypeReader(type).union();
    if (indent === '') {
      latest = { reply: check, options: new Map(), atLeast: null };
      table.set(name, latest);
    } else if (name.endsWith('+') && latest !== null) {
      latest.atLeast = { count: Number.parseInt(name, 10), check };
    } else {
      latest?.options.set(name, check);
    }
  }
  return table;
}

/** The check that holds for a call; null for a command that is not in the table. */
export function checkFor(
  table: Map<string, Entry>,
  words: readonly string[],
): { name: string; check: ReplyCheck } | null {
  const [first = '', second = ''] = words;
  const long = `${first} ${second}`.toUpperCase();
  const name = table.has(long) ? long : first.toUpperCase();
  const entry = table.get(name);
  if (entry === undefined) return null;
  const args = words.slice(name.includes(' ') ? 2 : 1);
  for (const [option, check] of entry.options) {
    if (args.slice(1).some((word) => word.toUpperCase() === option))
      return { name: `${name} … ${option}`, check };
    if (args.length === 1 && args[0]?.toUpperCase() === option) return { name: `${name} ${option}`, check };
  }
  if (entry.atLeast !== null && args.length >= entry.atLeast.count)
    return { name: `${name}, ${entry.atLeast.count} arguments`, check: entry.atLeast.check };
  return { name, check: entry.reply };
}
