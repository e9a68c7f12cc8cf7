import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BytePool, POOL, privateCopy, takeBytes } from '../../../src/resp/decoding/native-slices.ts';

test('a small byte string holds at most 8 KiB in memory, whatever the size of the runtime’s own pool', () => {
  const pool = new BytePool();
  for (const count of [0, 1, 7, 8, 32, 512, POOL / 2 - 1]) {
    const bytes = pool.take(count);
    assert.equal(bytes.length, count);
    assert.ok(count === 0 || bytes.buffer.byteLength <= POOL, `${bytes.buffer.byteLength} for ${count}`);
    assert.ok(Buffer.isBuffer(bytes));
  }
  for (const count of [POOL / 2, POOL, 100_000]) assert.equal(pool.take(count).buffer.byteLength, count);
  for (const bytes of [takeBytes(32), privateCopy(Buffer.from('x'))]) {
    assert.ok(bytes.buffer.byteLength <= POOL, String(bytes.buffer.byteLength));
  }
});

test('blocks that the pool hands out do not overlap', () => {
  const pool = new BytePool();
  const taken = Array.from({ length: 2_000 }, (_, index) => pool.take(index % 97).fill(index & 0xff));
  for (const [index, bytes] of taken.entries()) {
    assert.equal(bytes.length, index % 97);
    assert.ok(bytes.every((byte) => byte === (index & 0xff)));
  }
});
