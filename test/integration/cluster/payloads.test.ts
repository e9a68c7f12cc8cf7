import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClusterConnectionPool } from '../../../src/index.ts';
import { reply } from '../../../src/testkit/index.ts';
import { keySlot } from '../../../src/commands/key-slot.ts';
import { closeAll, eventually, keyWhere, scriptedCluster, startNodesOf } from './support.ts';

const LOW = keyWhere((slot) => slot < 8_192);
const HIGH = keyWhere((slot) => slot >= 8_192);
const SIZE = 1024 * 1024;

test('a payload half sent to one node, and sent to another one meanwhile, arrives whole at both', async () => {
  let early = 0;
  const nodes = await scriptedCluster(2, (index, all) => (args) => {
    if (args[0] !== 'SET') return undefined;
    if (index === 1) return reply.ok;
    // Those were answered before they had been read.
    return early-- > 0 ? null : reply.error(`MOVED ${keySlot(LOW)} ${all[1]?.host}:${all[1]?.port}`);
  });
  const pool = new ClusterConnectionPool({ ...startNodesOf(nodes), decodeResponses: true });
  await pool.open();
  await pool.execute('GET', LOW).catch(() => null);
  const link = nodes[0]!.commands.find(({ name }) => name === 'GET')!.connection;
  link.pauseReading();
  const fill = (index: number): Buffer => Buffer.alloc(SIZE, 65 + (index % 26));
  const calls = Array.from({ length: 40 }, (_, index) => pool.executeRequest('SET', [LOW, fill(index)]));
  let written = 0;
  await eventually('the way to the first node to be full', async () => {
    const before = written;
    written = calls.filter(({ maybeExecuted }) => maybeExecuted).length;
    await new Promise((resolve) => setTimeout(resolve, 50));
    return written > 0 && written === before;
  });
  assert.ok(written < calls.length, 'not all of them are on their way');
  early = written;
  const moved = reply.error(`MOVED ${keySlot(LOW)} ${nodes[1]!.host}:${nodes[1]!.port}`);
  link.send(moved.repeat(written));
  assert.deepEqual(await Promise.all(calls.slice(0, written)), Array(written).fill('OK'));
  // These requests take any memory that is used again.
  for (let index = 0; index < written * 2; index++) {
    assert.equal(await pool.execute('SET', HIGH, Buffer.alloc(SIZE, 0x2e)), 'OK');
  }
  link.resumeReading();
  assert.deepEqual(await Promise.all(calls), Array(calls.length).fill('OK'));
  for (const node of nodes) {
    const payloads = node.commands
      .filter(({ name, args }) => name === 'SET' && args[1] === LOW)
      .map(({ raw }) => raw[2]!);
    assert.equal(payloads.length, calls.length);
    const seen = new Set(payloads.map((payload) => payload[0]));
    assert.equal(seen.size, 26, 'each letter came');
    for (const payload of payloads) {
      assert.equal(payload.length, SIZE);
      assert.ok(payload.equals(Buffer.alloc(SIZE, payload[0]!)), 'one payload, one letter');
      assert.notEqual(payload[0], 0x2e);
    }
  }
  await pool.close();
  await closeAll(nodes);
});
