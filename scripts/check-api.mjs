// The public API as text: every exported name with its declaration. A change must be intended: `npm run api:update`
// rewrites etc/public-api.txt, and a reviewer reads the difference.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { files, isMain, read, ROOT } from './lib.mjs';

const SNAPSHOT = 'etc/public-api.txt';
const ENTRIES = {
  '.': 'dist/index.d.ts',
  './ioredis': 'dist/ioredis/index.d.ts',
  './testkit': 'dist/testkit/index.d.ts',
  './otel': 'dist/otel/index.d.ts',
};

const uncommented = (text) => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');

/** The declaration file that an import specifier in `from` refers to. */
const declarationFile = (file, from) =>
  join(dirname(file), from)
    .replaceAll('\\', '/')
    .replace(/\.(?:js|ts)$/, '.d.ts');

/** `[exported name, local name, file]` of the named re-exports and own declarations of a file. */
function exportsOf(path) {
  const text = uncommented(read(path));
  const found = [];
  for (const [, list, , from] of text.matchAll(
    /export\s+(?:type\s+)?\{([^}]*)\}(\s*from\s*['"]([^'"]+)['"])?/g,
  )) {
    const file = from === undefined ? path : declarationFile(path, from);
    for (const one of list
      .split(',')
      .map((name) => name.replace(/^\s*type\s+/, '').trim())
      .filter(Boolean)) {
      const [local, exported = local] = one.split(/\s+as\s+/);
      found.push([exported, local, file]);
    }
  }
  for (const [, name] of text.matchAll(
    /export\s+(?:declare\s+)?(?:abstract\s+)?(?:class|interface|type|const|let|function)\s+(\w+)/g,
  )) {
    found.push([name, name, path]);
  }
  return found;
}

/** The text of one declaration, up to the brace or semicolon that ends it. */
function declaration(text, name) {
  const head = new RegExp(
    `^(?:export\\s+)?(?:declare\\s+)?(?:abstract\\s+)?(class|interface|type|const|let|function)\\s+${name}\\b`,
    'gm',
  );
  const parts = [];
  for (const match of text.matchAll(head)) {
    let depth = 0;
    let end = match.index;
    for (; end < text.length; end += 1) {
      const char = text[end];
      if ('{(['.includes(char)) depth += 1;
      if ('})]'.includes(char)) depth -= 1;
      const blockEnd = depth === 0 && char === '}' && /class|interface/.test(match[1]);
      if (blockEnd || (depth === 0 && char === ';')) break;
    }
    parts.push(text.slice(match.index, end + 1));
  }
  return parts.join('\n');
}

/** Reads declarations; in the tables of commands the short name `V` becomes `RedisValue` again. */
const readDeclarations = (file) =>
  file.includes('commands/generated/') ? read(file).replace(/\bV\b/g, 'RedisValue') : read(file);

function find(file, name, seen = new Set()) {
  if (!existsSync(join(ROOT, file)) || seen.has(file)) return '';
  seen.add(file);
  const text = uncommented(readDeclarations(file));
  const own = declaration(text, name);
  if (own !== '') return withWhatItNames(own, file, text);
  const onward = exportsOf(file).find(([exported, , from]) => exported === name && from !== file);
  if (onward !== undefined) return find(onward[2], onward[1], seen);
  const imported = new RegExp(
    `^import\\s*(?:type\\s*)?\\{[^}]*\\b${name}\\b[^}]*\\}\\s*from\\s*'(\\.[^']+)'`,
    'm',
  ).exec(text);
  return imported === null ? '' : find(declarationFile(file, imported[1]), name, seen);
}

/** An interface that only renames another declaration is shown together with that declaration. */
function withWhatItNames(own, file, text) {
  const named = /^(?:export )?interface [^{]* extends (\w+)[^{]*\{\s*\}/.exec(own)?.[1];
  if (named === undefined) return own;
  for (const [, list, from] of text.matchAll(/import\s*(?:type\s*)?\{([^}]*)\}\s*from\s*['"]([^'"]+)['"]/g)) {
    const local = new RegExp(`(\\w+) as ${named}\\b`).exec(list)?.[1];
    if (local === undefined) continue;
    return `${own}\n${find(declarationFile(file, from), local)}`;
  }
  return own;
}

/** Undoes the space saving of the build: the text as the compiler wrote it. */
const spacious = (text) =>
  text
    .replace(/^ +(?:'[^']+'|[\w.]+):\S.*$/gm, (line) =>
      line.replace(/(?<=[:,;{|&])(?=\S)|(?<=[^\s|&])(?=[}|&])/g, ' '),
    )
    .replace(/^ +(?=[^ |])/gm, (indent) => indent + indent)
    .replace(/^( *)(.*): \{ args: (.*); reply: (.*) \};$/gm, '$1$2: {\n$1  args: $3;\n$1  reply: $4;\n$1};');

/** False for blank lines and private members, which are not part of the API. */
const reachable = (line) => line.trim() !== '' && !/^\s*(?:private\s|#private)/.test(line);

export function surface() {
  const parts = [];
  for (const [entry, path] of Object.entries(ENTRIES)) {
    if (!files('dist').includes(path)) continue;
    parts.push(`=== respool${entry.slice(1)} ===`);
    for (const [exported, local, file] of exportsOf(path).sort((a, b) => (a[0] < b[0] ? -1 : 1))) {
      const text = spacious(find(file, local)).split('\n').filter(reachable).join('\n');
      parts.push(text === '' ? `${exported} (declared in ${file})` : text.replace(/^export /gm, ''));
    }
  }
  return `${parts.join('\n\n')}\n`;
}

function difference(before, after) {
  const [old, now] = [new Set(before.split('\n')), new Set(after.split('\n'))];
  const gone = [...old].filter((line) => !now.has(line)).map((line) => `- ${line}`);
  return [...gone, ...[...now].filter((line) => !old.has(line)).map((line) => `+ ${line}`)];
}

if (isMain(import.meta.url)) {
  const now = surface();
  if (process.argv.includes('--update')) {
    mkdirSync(join(ROOT, dirname(SNAPSHOT)), { recursive: true });
    writeFileSync(join(ROOT, SNAPSHOT), now);
    console.log(`${SNAPSHOT} written`);
  } else {
    const before = existsSync(join(ROOT, SNAPSHOT)) ? read(SNAPSHOT) : '';
    if (before !== now) {
      console.error(difference(before, now).slice(0, 60).join('\n'));
      console.error('The public surface has changed. If that is meant: npm run api:update');
      process.exitCode = 1;
    }
    console.log(`${now.split('\n').length} lines of public surface`);
  }
}
