// node scripts/otel-output.mjs: runs the calls of test/support/otel-output.ts with the OpenTelemetry SDK, and writes
// the collected spans and metrics into docs/observability.md.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compile } from './compile.mjs';
import { ROOT } from './lib.mjs';

const PAGE = join(ROOT, 'docs', 'observability.md');
const BLOCK = /(<!-- scripts\/otel-output\.mjs -->\n\n```text\n)[\s\S]*?(\n```)/;

const { code, output } = await compile();
if (code !== 0) throw new Error(output);
const { otelOutput } = await import(join(ROOT, '.build/test/support/otel-output.js'));
const text = await otelOutput();
const page = readFileSync(PAGE, 'utf8');
writeFileSync(
  PAGE,
  page.replace(BLOCK, (_all, before, after) => `${before}${text}${after}`),
);
console.log(text);
