// The facts of commands: names, arguments, flags, key specs, tips. The servers' descriptive texts are left out.
import { readFileSync } from 'node:fs';

export const FACTS = new URL('./facts.jsonl', import.meta.url);

/**
 * @typedef {{ name: string, type?: string, token?: string, optional?: true, multiple?: true, arguments?: Argument[] }} Argument
 * @typedef {{ name: string, from: string, since: string, group: string, arity: number, flags: string[], keys: string[], tips: string[], container?: true, arguments: Argument[] }} Facts
 */

/** @returns {Map<string, Facts>} */
export function readFacts() {
  const lines = readFileSync(FACTS, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  return new Map(lines.map((line) => JSON.parse(line)).map((fact) => [fact.name, fact]));
}

/** The facts of one server, from its answers to `COMMAND` and `COMMAND DOCS` (RESP2: flat lists). */
export function factsOfServer(from, table, docs) {
  const facts = new Map();
  const described = record(docs);
  for (const entry of table) collect(entry, described, from, facts);
  return facts;
}

function collect([name, arity, flags, , , , , tips, specs, subcommands], described, from, facts) {
  const doc = record(described[name] ?? described[name.toLowerCase()] ?? []);
  const fact = {
    name: name.toUpperCase().replace('|', ' '),
    from,
    since: doc.since ?? '',
    group: doc.group ?? '',
    arity,
    flags: flags.filter((flag) => KEPT_FLAGS.has(flag)).sort(),
    keys: specs.map((spec) => keySpecText(deepRecord(spec))).filter((text) => text !== null),
    tips: [...tips].sort(),
    ...(subcommands.length > 0 && { container: true }),
    arguments: (doc.arguments ?? []).map((argument) => argumentOf(deepRecord(argument))),
  };
  facts.set(fact.name, fact);
  const own = record(doc.subcommands ?? []);
  for (const subcommand of subcommands) collect(subcommand, own, from, facts);
}

/** The facts in the front matter of a documentation page; null if the page is not about a command. */
export function factsOfPage(page, from) {
  if (page === null || typeof page.title !== 'string' || page.group === undefined) return null;
  return {
    name: page.title.toUpperCase(),
    from,
    since: String(page.since ?? ''),
    group: String(page.group),
    arity: page.arity ?? 0,
    flags: (page.command_flags ?? [])
      .map(flagName)
      .filter((flag) => KEPT_FLAGS.has(flag))
      .sort(),
    keys: (page.key_specs ?? []).map(keySpecText).filter((text) => text !== null),
    tips: [...(page.hints ?? [])].sort(),
    ...(page.container === true && { container: true }),
    arguments: (page.arguments ?? []).map(argumentOf),
  };
}

const flagName = (flag) => String(flag).toLowerCase().replaceAll('_', '');
const KEPT_FLAGS = new Set(['readonly', 'write', 'blocking', 'noscript', 'pubsub', 'admin', 'module']);

function argumentOf({ name, type, token, flags = [], optional, multiple, arguments: inner }) {
  return {
    name: String(name),
    ...(type !== undefined && type !== 'string' && { type }),
    ...(token !== undefined && { token: String(token) }),
    ...((optional === true || flags.includes('optional')) && { optional: true }),
    ...((multiple === true || flags.includes('multiple')) && { multiple: true }),
    ...(inner !== undefined && { arguments: inner.map(argumentOf) }),
  };
}

/** `1` | `1:last:step:limit` | `2#numkeys:first:step` | `WORD@from:last:step:limit`; see key-specs.ts. */
function keySpecText({ begin_search: search, find_keys: keys }) {
  if (search?.spec === undefined || keys?.spec === undefined) return null;
  if (search.type === 'unknown' || keys.type === 'unknown') return null;
  const { spec: from } = search;
  const { spec: how } = keys;
  const start = search.type === 'index' ? String(from.index) : `${from.keyword}@${from.startfrom}`;
  if (keys.type === 'keynum') return `${start}#${how.keynumidx}:${how.firstkey}:${how.keystep}`;
  const range = [how.lastkey, how.keystep, how.limit];
  if (range[2] === 0) range.pop();
  return range.join(':') === '0:1' ? start : `${start}:${range.join(':')}`;
}

function record(pairs) {
  const result = {};
  for (let i = 0; i < pairs.length; i += 2) result[pairs[i]] = pairs[i + 1];
  return result;
}

/**
 * Converts a flat list of pairs to a record, at all depths.
 * @returns {any}
 */
function deepRecord(pairs) {
  const result = record(pairs);
  for (const [name, value] of Object.entries(result)) {
    if (name === 'arguments') result[name] = value.map(deepRecord);
    else if (name !== 'flags' && Array.isArray(value)) result[name] = deepRecord(value);
  }
  return result;
}
