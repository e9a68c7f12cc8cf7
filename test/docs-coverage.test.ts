// The pages that list all of a kind, against the source: codes of errors, and the exports of the test kit.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from './support/doc-blocks.ts';

/** Names in the source that look like codes: two variables of the environment, and the name of a resource. */
const NO_CODES = new Set(['RESPOOL_SERVER', 'RESPOOL_SERVER_ONLY', 'RESPOOL_TRACE']);

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

function sources(folder: string): string[] {
  const all = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' });
  return all.filter((path) => path.endsWith('.ts')).map((path) => read(join(folder, path)));
}

/** Codes of the package and, by the tables of error replies, of servers. */
function codes(): Set<string> {
  const found = new Set<string>();
  for (const text of sources('src'))
    for (const [, code = ''] of text.matchAll(/'(RESPOOL_[A-Z_]+)'/g))
      if (!NO_CODES.has(code)) found.add(code);
  for (const [, code = ''] of read('src/errors/errors.ts').matchAll(/kind\(\w+, '\w+', '(\w+)'/g))
    found.add(code);
  for (const [, code = ''] of read('src/errors/reply-errors.ts').matchAll(/^ {2}\[?['"]([A-Z]{3,})\b/gm))
    found.add(code);
  return found;
}

test('docs/troubleshooting.md has a section for every code of an error', () => {
  const sections = new Set(
    [...read('docs/troubleshooting.md').matchAll(/^### ([A-Z_]+)$/gm)].map(([, code]) => code),
  );
  const all = codes();
  assert.ok(all.has('RESPOOL_TIMEOUT') && all.has('MOVED') && all.has('MASTERDOWN'));
  assert.deepEqual([...all].filter((code) => !sections.has(code)).sort(), []);
});

test('docs/testing.md names every export of respool/testkit', () => {
  const exported = [...read('src/testkit/index.ts').matchAll(/export (?:type )?\{([^}]*)\}/g)]
    .flatMap(([, names = '']) => names.split(','))
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const page = read('docs/testing.md');
  assert.ok(exported.includes('startServer') && exported.includes('ProxyStrike'));
  assert.deepEqual(
    exported.filter(
      (name) => !new RegExp(`\`${name}\\b`).test(page) && !new RegExp(`: ${name}\\)\``).test(page),
    ),
    [],
  );
});

/** Classes that the package makes, and bases that nobody extends. */
const NOT_MADE_BY_USERS = new Set([
  'BaseConnectionPool',
  'ClusterConnection',
  'ClusterNodeLocation',
  'Location',
  'ReplySet',
  'Script',
  'SentinelManagedConnection',
]);

test('every public class and function shows an example in its docstring', () => {
  const text = sources('src').join('\n');
  const without = ['src/index.ts', 'src/testkit/index.ts']
    .flatMap((entry) => [...read(entry).matchAll(/export \{([^}]*)\}/g)])
    .flatMap(([, names = '']) => names.split(','))
    .map((name) => name.trim())
    .filter(
      (name) => /^\w+$/.test(name) && !/Error$|^InvalidResponse$/.test(name) && !NOT_MADE_BY_USERS.has(name),
    )
    .filter((name) => {
      const declared = `export (?:declare )?(?:abstract )?(?:async )?(?:class|function|const) ${name}\\b`;
      const docs = [...text.matchAll(new RegExp(`/\\*\\*((?:(?!\\*/)[\\s\\S])*)\\*/\\s*${declared}`, 'g'))];
      return !docs.some(([, doc = '']) => doc.includes('@example'));
    });
  assert.deepEqual(without, []);
});
