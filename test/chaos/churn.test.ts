// Many callers on few connections for a few seconds; `npm run chaos -- churn` makes it a million actions.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { churn } from './scenarios/churn.ts';

const seed = Number(process.env['RESPOOL_SEED'] ?? 20_261_130);

test(`300 callers share ten connections: each has one holder, and the gauges come to rest (seed ${seed})`, async () => {
  const { lines, violations, actions } = await churn({ seed, seconds: 4, callers: 300, actions: 30_000 });
  assert.deepEqual(violations, [], lines.join('\n'));
  assert.ok(actions > 1_000, `${actions} actions`);
});
