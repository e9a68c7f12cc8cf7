// Every option that users can set needs a test that fails when the option is ignored. The title of that test says so:
// "option maxConnections …", or "option Interface.name …" if several interfaces have the name.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compile } from './compile.mjs';
import { files, isMain, read, ROOT, withoutComments } from './lib.mjs';

/** Interfaces whose names say that their members are options; only those that the entry exports count. */
const OPTION_INTERFACE = /\binterface\s+(\w*(?:Options|Params))\b[^{]*\{/g;
const TITLE = /\b(?:test|it|describe)(?:\.\w+)?\(\s*(['"`])((?:\\.|(?!\1)[\s\S])*?)\1/g;
/** Options of errors are not set by users. */
const OF_ERRORS = /Error$/;
/** Tables of the options that are checked at run time; every option in them is public, declared or not. */
const TABLES = ['.build/src/connection/connection-options.js', '.build/src/pool/options/pool-rules.js'];

function bodyAt(text, start) {
  let depth = 1;
  let end = start;
  while (depth > 0 && end < text.length) {
    if (text[end] === '{') depth += 1;
    if (text[end] === '}') depth -= 1;
    end += 1;
  }
  return text.slice(start, end - 1);
}

/** Names of the members at the top level of an interface's body. */
function membersOf(body) {
  const names = [];
  let depth = 0;
  let fresh = true;
  for (const part of body.match(/[{}()[\]<>;\n]|[^{}()[\]<>;\n]+/g) ?? []) {
    if (depth === 0 && fresh) {
      const name = /^\s*(?:readonly\s+)?(\w+)\??\s*(?::|$)/.exec(part)?.[1];
      if (name !== undefined) names.push(name);
    }
    if (/^[{([]$/.test(part)) depth += 1;
    if (/^[})\]]$/.test(part)) depth -= 1;
    fresh = (fresh && /^\s*$/.test(part)) || part === ';' || part === '\n';
  }
  return names;
}

function publicNames() {
  const text = withoutComments(read('src/index.ts'));
  const names = new Set();
  for (const [, list] of text.matchAll(/export\s+(?:type\s+)?\{([^}]*)\}/g)) {
    for (const one of list.split(','))
      names.add(
        one
          .replace(/^\s*type\s+/, '')
          .trim()
          .split(/\s+as\s+/)[0],
      );
  }
  return names;
}

function options() {
  const known = publicNames();
  const found = [];
  for (const path of files('src', (name) => name.endsWith('.ts') && !/^src\/(?:testkit|cli)\//.test(name))) {
    const text = withoutComments(read(path));
    for (const match of text.matchAll(OPTION_INTERFACE)) {
      if (!known.has(match[1]) || OF_ERRORS.test(match[1].replace(/Options$/, ''))) continue;
      const body = bodyAt(text, match.index + match[0].length);
      for (const name of membersOf(body)) found.push({ owner: match[1], name });
    }
  }
  return found;
}

const isRule = (value) => typeof value === 'object' && value !== null && typeof value.check === 'function';

/** False for the table of a pool that is not public yet: it needs no tests. */
const due = (table, known) =>
  (!/cluster/i.test(table) || known.has('ClusterConnectionPool')) &&
  (!/sentinel/i.test(table) || known.has('SentinelConnectionPool'));

/** The keys of a table of rules; tables may be nested. */
function keysOf(value, known) {
  if (typeof value !== 'object' || value === null || isRule(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    if (isRule(inner)) return [key];
    return due(key, known) ? keysOf(inner, known) : [];
  });
}

async function accepted() {
  await compile();
  const known = publicNames();
  const found = new Set();
  for (const path of TABLES.filter((name) => existsSync(join(ROOT, name)))) {
    const module = await import(pathToFileURL(join(ROOT, path)).href);
    for (const [table, rules] of Object.entries(module)) {
      for (const key of due(table, known) ? keysOf(rules, known) : []) found.add(key);
    }
  }
  return [...found].map((name) => ({ owner: 'accepted', name }));
}

function titles() {
  const found = [];
  for (const path of files('test', (name) => name.endsWith('.ts'))) {
    for (const match of read(path).matchAll(TITLE)) {
      for (const [, owner, name] of match[2].matchAll(/\boption (?:(\w+)\.)?(\w+)/g)) {
        found.push({ path, title: match[2].replace(/\s+/g, ' '), owner, name });
      }
    }
  }
  return found;
}

if (isMain(import.meta.url)) {
  const tests = titles();
  const declared = options();
  const names = new Set(declared.map(({ name }) => name));
  const all = [...declared, ...(await accepted()).filter(({ name }) => !names.has(name))];
  const shown = new Set();
  let untested = 0;
  for (const { owner, name } of all) {
    const exact = tests.filter((test) => test.name === name && test.owner === owner);
    const chosen =
      exact.length > 0 ? exact : tests.filter((test) => test.name === name && test.owner === undefined);
    if (chosen.length === 0) untested += 1;
    if (shown.has(`${owner}.${name}`)) continue;
    shown.add(`${owner}.${name}`);
    const first = chosen[0];
    console.log(`${`${owner}.${name}`.padEnd(52)} ${first ? `${first.path}: ${first.title}` : 'NO TEST'}`);
  }
  console.log(`${shown.size} options, ${untested} without a test`);
  process.exitCode = all.length > 0 && untested === 0 ? 0 : 1;
}
