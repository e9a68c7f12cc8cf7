// Every option a user can set has a test that fails when the option is ignored; that test says so in its title:
// "option maxConnections …", or "option Interface.name …" where one name means two things.
import { files, isMain, read, withoutComments } from './lib.mjs';

/** Interfaces whose members are options, by name; which of them are public is read from the entry. */
const OPTION_INTERFACE = /\binterface\s+(\w*(?:Options|Params))\b[^{]*\{/g;
const TITLE = /\b(?:test|it|describe)(?:\.\w+)?\(\s*(['"`])((?:\\.|(?!\1)[\s\S])*?)\1/g;
/** Fields of a request rather than options of anything; they are written down by the types. */
const NOT_OPTIONS = new Set();

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
      if (name !== undefined && !NOT_OPTIONS.has(name)) names.push(name);
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
  for (const path of files('src', (name) => name.endsWith('.ts') && !name.startsWith('src/testkit/'))) {
    const text = withoutComments(read(path));
    for (const match of text.matchAll(OPTION_INTERFACE)) {
      if (!known.has(match[1])) continue;
      const body = bodyAt(text, match.index + match[0].length);
      for (const name of membersOf(body)) found.push({ owner: match[1], name });
    }
  }
  return found;
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
  const all = options();
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
