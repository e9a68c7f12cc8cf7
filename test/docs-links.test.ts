// Links of README.md and docs/: files, headings and pictures exist. Addresses elsewhere are not asked.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { docPages, ROOT } from './support/doc-blocks.ts';

const LINK = /\[[^\]]*\]\(([^)\s]+)\)/g;

function withoutCode(text: string): string {
  return text.replace(/^```[\s\S]*?^```$/gm, '').replace(/`[^`\n]*`/g, 'code');
}

/** The anchor that GitHub gives a heading. */
function anchorOf(heading: string): string {
  return heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(' ', '-');
}

function anchorsOf(page: string): Set<string> {
  const text = readFileSync(join(ROOT, page), 'utf8').replace(/^```[\s\S]*?^```$/gm, '');
  return new Set([...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchorOf(heading)));
}

for (const page of docPages()) {
  test(`the links of ${page} lead somewhere`, () => {
    const links = [...withoutCode(readFileSync(join(ROOT, page), 'utf8')).matchAll(LINK)].map(
      ([, to = '']) => to,
    );
    const lost = links.filter((link) => {
      if (/^[a-z]+:/.test(link)) return false;
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? page : relative(ROOT, join(ROOT, dirname(page), path));
      if (!existsSync(join(ROOT, target))) return true;
      return anchor !== undefined && !anchorsOf(target).has(anchor);
    });
    assert.deepEqual(lost, []);
  });
}

test('every page of docs/ is at most two clicks from the README', () => {
  const linked = (page: string): string[] =>
    [...withoutCode(readFileSync(join(ROOT, page), 'utf8')).matchAll(LINK)]
      .map(([, to = '']) => to.split('#')[0] ?? '')
      .filter((path) => path.endsWith('.md') && !/^[a-z]+:/.test(path))
      .map((path) => relative(ROOT, join(ROOT, dirname(page), path)).replaceAll('\\', '/'));
  const first = linked('README.md');
  const reached = new Set([
    ...first,
    ...first.filter((page) => existsSync(join(ROOT, page))).flatMap(linked),
  ]);
  assert.deepEqual(
    docPages().filter((page) => page !== 'README.md' && !reached.has(page)),
    [],
  );
});
