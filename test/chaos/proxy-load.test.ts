// 64 lanes over a bad line, fifteen seconds. RESPOOL_SEED repeats a run; `npm run chaos` makes it long.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { singleStage } from './scenarios/single.ts';
import { describeRun, runChaos } from './support/run.ts';

const seed = Number(process.env['RESPOOL_SEED'] ?? 20_261_130);

test(`64 lanes over a bad line cross, lose and leave nothing (seed ${seed})`, async () => {
  const stage = await singleStage({ seed, gentle: true });
  try {
    const journal: string[] = [];
    const log = (line: string): void => void journal.push(line);
    const report = await runChaos(stage, { seed, seconds: 15, lanes: 22, log });
    const lines = describeRun('64 lanes', seed, report);
    console.log(lines.join('\n'));
    if (report.violations.length > 0) lines.push(...journal);
    assert.deepEqual(report.violations, [], lines.join('\n'));
    assert.ok(report.operations > 300, `${report.operations} operations`);
  } finally {
    await stage.close();
  }
});
