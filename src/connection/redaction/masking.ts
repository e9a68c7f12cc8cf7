import { allEntries } from '../../commands/catalogue.ts';
import { WORDS } from './word-list.ts';

/** The public and secret words of a command, in lower case, one character per byte. */
export interface Known {
  /** Words of the command's name, which may be shown. */
  readonly own: ReadonlySet<string>;
  readonly args: readonly string[];
  /** An ACL command: its errors quote one argument without escaping the quotes inside. */
  readonly modifier: boolean;
}

const MARK = '…';
/** `MARK` as latin1 text of its UTF-8 bytes. */
const MARK_BYTES = Buffer.from(MARK).toString('latin1');
/** So many leading characters of an argument must match, because servers truncate long arguments. */
const PROBE = 16;
/** Shorter arguments are cut only where they are quoted; words below `SHORTEST_PART` are no parts of arguments. */
const SHORTEST = 3;
const SHORTEST_PART = 4;
/** Length of the longest word that servers use. */
const LONGEST_WORD = 24;
/** Characters of arguments to search; beyond it, every word that servers do not use is cut. */
const EFFORT = 1 << 21;
/** Arguments shorter than this are searched before the word is looked up, because that is cheaper. */
const FEW = 1024;

const QUOTES = `'"\``;
/** Characters that end the piece around a leaked word. */
const LOOSE = ` \t'"\`(),;:`;
/** Characters besides words that may stay in a text whose arguments are unknown. */
const HARMLESS = `${LOOSE}.<>=@|/-[]`;
const LINE = /user_(?:script|function):\d+/g;

/**
 * Cuts argument values from an error text. `known` is null if the arguments are unknown: then only words that servers
 * use stay. The first `kept` characters always stay.
 */
export function mask(text: string, known: Known | null, kept: number): string {
  const widest = widestOf(text);
  if (widest < 0x80) return maskBytes(text, known, kept, MARK);
  // Text that is not valid UTF-8 was read as latin1. Nothing tells which applies, so both readings are masked.
  if (widest <= 0xff) text = maskBytes(text, known, kept, MARK);
  const bytes = Buffer.from(text).toString('latin1');
  const masked = maskBytes(bytes, known, kept, MARK_BYTES);
  return masked === bytes ? text : Buffer.from(masked, 'latin1').toString();
}

function widestOf(text: string): number {
  let all = 0;
  for (let at = 0; at < text.length; at++) all |= text.charCodeAt(at);
  return all;
}

/** Lower case, on one line, as servers show arguments; the length stays. */
export function plainText(bytes: string): string {
  return bytes.toLowerCase().replace(/[\r\n]/g, ' ');
}

function maskBytes(text: string, known: Known | null, kept: number, mark: string): string {
  const low = plainText(text);
  const cut = new Uint8Array(low.length);
  if (known === null) cutAllBut(low, cut);
  else cutKnown(low, cut, known);
  cut.fill(0, 0, kept);
  for (const { 0: line, index } of low.matchAll(LINE)) cut.fill(0, index, index + line.length);
  return render(text, cut, mark);
}

function cutKnown(low: string, cut: Uint8Array, known: Known): void {
  if (known.modifier) {
    const first = low.indexOf("'", Math.max(0, low.indexOf('modifier')));
    cutQuoted(cut, first, low.lastIndexOf("'"));
  }
  for (const arg of known.args) cutArgument(low, cut, arg, known.own);
  cutParts(low, cut, known);
}

function cutArgument(low: string, cut: Uint8Array, arg: string, own: ReadonlySet<string>): void {
  // Servers print most arguments up to the first NUL.
  const end = arg.indexOf('\0');
  const shown = end === -1 ? arg : arg.slice(0, end);
  if (shown === '' || own.has(shown)) return;
  const probe = shown.slice(0, PROBE);
  for (let at = low.indexOf(probe); at !== -1; ) {
    let stop = at + probe.length;
    for (let next = PROBE; next < shown.length && low[stop] === shown[next]; next++) stop++;
    const quoted = isIn(QUOTES, low[at - 1]) && isIn(QUOTES, low[stop]);
    if (quoted) cut.fill(1, at, stop);
    else if (shown.length >= SHORTEST && !isServers(low, at, stop, own)) spread(low, cut, at, stop);
    at = low.indexOf(probe, stop);
  }
}

/** Whether the range is a word that servers use, or part of one. */
function isServers(low: string, at: number, stop: number, own: ReadonlySet<string>): boolean {
  if (wordEnd(low, at) < stop) return false;
  const least = at - LONGEST_WORD;
  while (at > 0 && at > least && isWord(low.charCodeAt(at - 1))) at--;
  const most = stop + LONGEST_WORD;
  while (stop < most && isWord(low.charCodeAt(stop))) stop++;
  const word = low.slice(at, stop);
  return serverWords().has(word) || own.has(word);
}

/** Cuts words that occur inside an argument, which may be a whole script. */
function cutParts(low: string, cut: Uint8Array, { args, own }: Known): void {
  const given = args.join('\n');
  let effort = 0;
  eachWord(low, (word, at) => {
    if (word.length < SHORTEST_PART || cut[at] === 1) return;
    if (given.length < FEW && !given.includes(word)) return;
    if (serverWords().has(word) || own.has(word)) return;
    effort += given.length;
    if (effort > EFFORT || given.includes(word)) spread(low, cut, at, at + word.length);
  });
}

/** Cuts everything except words that servers use. */
function cutAllBut(low: string, cut: Uint8Array): void {
  let first = 0;
  while (first < low.length && !(isIn(QUOTES, low[first]) && !isWord(low.charCodeAt(first - 1)))) first++;
  let last = low.length - 1;
  while (last > first && !(isIn(QUOTES, low[last]) && !isWord(low.charCodeAt(last + 1)))) last--;
  if (last > first && !serverWords().has(low.slice(first + 1, last))) cutQuoted(cut, first, last);
  for (let at = 0; at < low.length; at++) {
    if (!isWord(low.charCodeAt(at)) && !HARMLESS.includes(low[at]!)) cut[at] = 1;
  }
  eachWord(low, (word, at) => {
    if (cut[at] === 0 && !serverWords().has(word)) spread(low, cut, at, at + word.length);
  });
}

function cutQuoted(cut: Uint8Array, first: number, last: number): void {
  if (first !== -1 && last > first) cut.fill(1, first + 1, last);
}

/** Cuts a range and the text attached to it, up to a space, quote or bracket; a full stop at its end stays. */
function spread(low: string, cut: Uint8Array, from: number, to: number): void {
  const least = to;
  while (from > 0 && cut[from - 1] === 0 && !LOOSE.includes(low[from - 1]!)) from--;
  while (to < low.length && cut[to] === 0 && !LOOSE.includes(low[to]!)) to++;
  if (to > least && low[to - 1] === '.') to--;
  cut.fill(1, from, to);
}

function render(text: string, cut: Uint8Array, mark: string): string {
  let shown = '';
  let from = 0;
  for (let at = cut.indexOf(1); at !== -1; at = cut.indexOf(1, from)) {
    const gap = text.slice(from, at);
    // Adjacent cuts share one mark, which hides how many words there were.
    if (from === 0 || gap.trim() !== '') shown += gap + mark;
    from = cut.indexOf(0, at);
    if (from === -1) return shown;
  }
  return shown + text.slice(from);
}

function eachWord(low: string, visit: (word: string, at: number) => void): void {
  for (let at = 0; at < low.length; at++) {
    if (!isWord(low.charCodeAt(at))) continue;
    const stop = wordEnd(low, at);
    visit(low.slice(at, stop), at);
    at = stop;
  }
}

function wordEnd(low: string, at: number): number {
  while (isWord(low.charCodeAt(at))) at++;
  return at;
}

/** A letter, digit, underscore or byte beyond ASCII; false for NaN. */
function isWord(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x30 && code <= 0x39) || code === 0x5f || code >= 0x80;
}

function isIn(characters: string, character: string | undefined): boolean {
  return character !== undefined && characters.includes(character);
}

/** Code of the capital `A`, which stands for 0 shared letters. */
const NONE = 65;

let words: Set<string> | null = null;

/** The words of the list and all command names, in lower case; built for the first error. */
function serverWords(): ReadonlySet<string> {
  if (words !== null) return words;
  words = new Set();
  let word = '';
  for (const [, shared = '', rest] of WORDS.matchAll(/([A-Z])([^A-Z\n]*)/g)) {
    word = word.slice(0, shared.charCodeAt(0) - NONE) + rest;
    words.add(word);
  }
  for (const { name } of allEntries()) {
    for (const part of name.toLowerCase().split(/[^a-z0-9_]+/)) words.add(part);
  }
  return words;
}
