import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { ROOT } from '../../support/doc-blocks.ts';
import { otelOutput } from '../../support/otel-output.ts';

/** Ports and times differ from run to run. */
function constant(text: string): string {
  return text
    .replace(/\b(port +|127\.0\.0\.1:)\d+/g, '$1#')
    .replace(/\d+\.\d+( ms)?$/gm, '#$1')
    .trim();
}

it('the output of OpenTelemetry in the guide comes from a real run', async () => {
  const page = readFileSync(join(ROOT, 'docs', 'observability.md'), 'utf8');
  const block = /<!-- scripts\/otel-output\.mjs -->\n\n```text\n([\s\S]*?)\n```/.exec(page)?.[1];
  assert.ok(block !== undefined);
  const output = await otelOutput();
  assert.equal(constant(output), constant(block), 'node scripts/otel-output.mjs writes the block anew');
  const [, configured, contacted, attempts] =
    /server\.port +(\d+)[^(]*network\.peer\.port +(\d+)\n {2}respool\.attempts +(2)/.exec(output) ?? [];
  assert.equal(attempts, '2');
  assert.notEqual(configured, contacted);
});
