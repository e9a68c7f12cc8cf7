import { allEntries } from '../../commands/catalogue.ts';
import { WORDS } from './word-list.ts';

/** How the capital before a word counts: `A` for none. */
const NONE = 65;

let words: Set<string> | null = null;

/** The words of the list and the names of commands, in lower case; made when the first error comes. */
export function serverWords(): ReadonlySet<string> {
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
