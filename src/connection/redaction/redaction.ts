import { findEntry } from '../../commands/catalogue.ts';
import { AskError, locateError, type RedisError, UnknownCommandError } from '../../errors/errors.ts';
import { isFixedLine } from '../../errors/reply-errors.ts';
import type { Wire } from '../../resp/encoder.ts';
import type { Reply } from '../../resp/types.ts';
import type { Entry } from '../requests/entry.ts';
import { type Known, mask, plainText } from './masking.ts';

/** Commands whose errors may quote arguments of earlier commands, which are no longer known. */
const OF_OTHERS: ReadonlySet<string> = new Set(['EXEC', 'CLIENT TRACKING']);
/** Commands whose first argument is a script. */
const SCRIPTS: ReadonlySet<string> = new Set(['EVAL', 'EVAL_RO']);
/** Servers' own error texts are shorter; a longer one repeats an argument. */
const LONGEST = 4096;
/** Above this size of a command its arguments are not compared: only words that servers use stay. */
const LARGE = 1 << 23;
const MANY_WORDS = 4096;

// ReplyMap and ReplySet override these methods, and theirs would index the keys first.
const mapEntries = Map.prototype.entries;
const setValues = Set.prototype.values;

/** A command as it was sent. */
type Sent = Pick<Entry, 'info' | 'wire' | 'size'>;

/** Cuts argument values from the message of an error reply, because servers quote arguments. */
export function redact(error: RedisError, entry: Sent): void {
  if (!isServersOwn(error)) cutMessage(error, entry, knownOf(entry, error));
}

/** Redacts the errors inside a reply, and sets their endpoint and command. */
export function redactInside(value: Reply, endpoint: string, entry: Entry): void {
  let known: Known | null | undefined;
  eachError(value, (error) => {
    locateError(error, endpoint, entry.info.name);
    if (isServersOwn(error)) return;
    if (known === undefined) known = knownOf(entry, error);
    cutMessage(error, entry, known);
  });
}

/** A fixed text, or a redirect: neither quotes an argument. */
function isServersOwn(error: RedisError): boolean {
  return isFixedLine(error.message) || error instanceof AskError;
}

/** Visits every error in a reply. The decoder bounds the depth of the recursion. */
function eachError(value: unknown, visit: (error: RedisError) => void): void {
  if (typeof value !== 'object' || value === null) return;
  if (value instanceof Error) {
    visit(value as RedisError);
  } else if (Array.isArray(value)) {
    for (const item of value) eachError(item, visit);
  } else if (value instanceof Map) {
    for (const [key, item] of mapEntries.call(value)) {
      eachError(key, visit);
      eachError(item, visit);
    }
  } else if (value instanceof Set) {
    for (const item of setValues.call(value)) eachError(item, visit);
  }
}

function cutMessage(error: RedisError, { info }: Sent, known: Known | null): void {
  const { message, code } = error;
  if (error instanceof UnknownCommandError && !isName(error.command, known)) {
    (error as { command?: string }).command = info.name;
  }
  const kept = message.startsWith(`${code} `) ? code.length + 1 : 0;
  const long = message.length > LONGEST;
  const cut = long ? mask(`${message.slice(0, LONGEST)}…`, null, kept) : mask(message, known, kept);
  if (cut === message) return;
  // Reading `stack` formats it, which costs more than the masking; few errors get here.
  const { stack } = error;
  error.message = cut;
  if (stack !== undefined) error.stack = stack.replace(message, () => cut);
}

function isName(command: string | undefined, known: Known | null): boolean {
  if (command === undefined) return true;
  if (known === null) return findEntry(command.toUpperCase()) !== undefined;
  return known.own.has(plainBytes(command)) || known.own.has(plainText(command));
}

/** The words of a command; null if the error may quote other arguments, or if there are too many. */
function knownOf({ info, wire, size }: Sent, error: RedisError): Known | null {
  if (OF_OTHERS.has(info.name) || size > LARGE || error.message.length > LONGEST) return null;
  const words = wordsOf(wire);
  if (words === null) return null;
  // An unknown subcommand counts as part of the name only if it was written as such.
  const two = error instanceof UnknownCommandError ? Math.min(info.count, 2) : 1;
  const names = words.splice(0, Math.max(info.nameLength, two));
  const own = new Set<string>();
  for (const name of names) {
    own.add(name);
    for (const part of name.split(/[^a-z0-9_\x80-\xff]+/)) own.add(part);
  }
  // An error raised by a script may quote that script; a server's error about a script may not.
  if (SCRIPTS.has(info.name) && !error.message.includes('script')) words.shift();
  return { own, args: [...new Set(words)], modifier: info.name.startsWith('ACL') };
}

/** Reads the words of a command from its wire form; null if there are too many. */
function wordsOf(wire: Wire): string[] | null {
  const text = typeof wire === 'string' ? wire : wire.map(latin1).join('');
  const words: string[] = [];
  const count = Number(text.slice(1, text.indexOf('\r\n')));
  if (!text.startsWith('*') || count > MANY_WORDS) return null;
  let at = text.indexOf('$');
  while (words.length < count) {
    const from = text.indexOf('\r\n', at) + 2;
    const to = from + Number(text.slice(at + 1, from - 2));
    words.push(plainText(text.slice(from, to)));
    at = to + 2;
  }
  return words;
}

function latin1(piece: string | Buffer): string {
  return typeof piece === 'string' ? piece : piece.toString('latin1');
}

function plainBytes(text: string): string {
  return plainText(Buffer.from(text).toString('latin1'));
}
