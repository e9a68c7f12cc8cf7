// The tables of docs/options.md against the tables that options are checked by.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { baseConnectionRules, tcpRules } from '../src/connection/connection-options.ts';
import type { RuleTable } from '../src/connection/option-rules.ts';
import { poolRules, sentinelRules } from '../src/pool/options/pool-rules.ts';

interface Row {
  readonly standard: string;
  readonly unit: string;
  readonly url: string;
  readonly meaning: string;
}

const root = projectRoot(dirname(fileURLToPath(import.meta.url)));
const page = readFileSync(join(root, 'docs/options.md'), 'utf8');
const { single, cluster, sentinel } = poolRules as Record<string, RuleTable>;
const shared = pick(single!, (name) => name in cluster! && name in sentinel!);

const TABLES: readonly [heading: string, table: RuleTable][] = [
  ['Connections', baseConnectionRules],
  ['TCP connections', tcpRules],
  ['Every pool', shared],
  ['ConnectionPool', own(single!)],
  ['ClusterConnectionPool', own(cluster!)],
  ['SentinelConnectionPool', own(sentinel!)],
  ['Sentinel', sentinelRules],
];

function projectRoot(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : projectRoot(dirname(folder));
}

function pick(table: RuleTable, wanted: (name: string) => boolean): RuleTable {
  return Object.fromEntries(Object.entries(table).filter(([name]) => wanted(name)));
}

/** The options that only this kind of pool has. */
function own(table: RuleTable): RuleTable {
  return pick(table, (name) => !(name in shared));
}

function rowsOf(heading: string): Map<string, Row> {
  const section = page.split(/^## /m).find((text) => text.startsWith(`${heading}\n`)) ?? '';
  const rows = [...section.matchAll(/^\| `(\w+)` \|(.*)\|$/gm)].map(([, name = '', rest = '']) => {
    const [standard = '', unit = '', url = '', meaning = ''] = rest.split('|').map((cell) => cell.trim());
    return [name, { standard, unit, url, meaning }] as const;
  });
  return new Map(rows);
}

/** `'utf-8'`, `10,000`, `false`; null for words without backticks. */
function literalOf(cell: string): unknown {
  const literal = /^`(.*)`$/.exec(cell)?.[1];
  if (literal === undefined) return null;
  return JSON.parse(literal.replaceAll(',', '').replaceAll("'", '"'));
}

test('docs/sizing.md states the defaults of limits', () => {
  const text = readFileSync(join(root, 'docs/sizing.md'), 'utf8');
  const every: RuleTable = { ...baseConnectionRules, ...tcpRules, ...single, ...cluster, ...sentinel };
  const rows = [...text.matchAll(/^\| `(\w+)` \| (\S+) \|/gm)];
  assert.ok(rows.length > 10);
  for (const [, name = '', standard = ''] of rows)
    assert.equal(literalOf(standard), every[name]?.fallback, `default of ${name}`);
});

for (const [heading, table] of TABLES) {
  test(`docs/options.md states the defaults of ${heading}`, () => {
    const rows = rowsOf(heading);
    assert.deepEqual([...rows.keys()].sort(), Object.keys(table).sort());
    for (const [name, rule] of Object.entries(table)) {
      const row = rows.get(name)!;
      const fallback = Array.isArray(rule.fallback) ? null : rule.fallback;
      assert.equal(literalOf(row.standard), fallback, `default of ${name}`);
      assert.equal(row.url, rule.text === undefined ? 'no' : 'yes', `${name} in a URL`);
      assert.equal(row.unit === 'ms', rule.duration === true, `unit of ${name}`);
      assert.ok(row.meaning !== '', `meaning of ${name}`);
    }
  });
}
