// Eight seconds of wrong answers for each topology. RESPOOL_SEED repeats them; `npm run chaos -- wrong-peers` runs all.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sweep, TOPOLOGIES } from '../../chaos/scenarios/wrong-peers.ts';

const seed = Number(process.env['RESPOOL_SEED'] ?? Date.now() % 2 ** 31);

for (const topology of TOPOLOGIES) {
  test(`${topology} with one wrong step crosses no replies, hangs no call, and recovers (seed ${seed})`, async (t) => {
    const { wrong, hits, failures } = await sweep(topology, seed, 8);
    t.diagnostic(`${wrong} wrong answers to ${[...hits.keys()].sort().join(', ')}`);
    assert.deepEqual(failures, [], `RESPOOL_SEED=${seed} repeats this`);
    assert.ok(hits.has('HELLO 3'), [...hits.keys()].join(', '));
    assert.ok(hits.has('CLIENT SETINFO'), [...hits.keys()].join(', '));
    assert.ok(wrong > 40, `${wrong} wrong answers`);
  });
}
