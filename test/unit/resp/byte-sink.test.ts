import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteSink } from '../../../src/resp/byte-sink.ts';

const MIB = 1 << 20;

test('the sink grows to its full size before a 64th is copied twice, and not earlier', () => {
  for (const passing of [false, true]) {
    const size = 100 * MIB;
    const sink = new ByteSink(size, 256 * 1024, passing);
    let last = 0;
    let copied = 0;
    while (sink.length < size) {
      const room = sink.room(512 * 1024);
      assert.ok(room.length > 0 && room.length <= Math.min(size - sink.length, 512 * 1024));
      assert.ok(room.buffer.byteLength <= Math.max(sink.length, 256 * 1024) * 64);
      const full = room.buffer.byteLength === size;
      assert.ok(
        full || room.buffer.byteLength <= size / 16,
        'a step on the way is no larger than it must be',
      );
      if (room.buffer.byteLength !== last) copied = sink.length;
      last = room.buffer.byteLength;
      sink.filled(Math.min(room.length, 200_000));
    }
    assert.ok(copied <= size / 64 + 200_000, `${copied} bytes were copied at the last step`);
    assert.equal(sink.bytes().length, size);
  }
});

test('a random walk of puts and gets loses no message', () => {
  for (const passing of [false, true]) {
    const input = Buffer.alloc(700_001, 'the bytes of a sink ');
    const sink = new ByteSink(input.length, 10, passing);
    for (let at = 0; at < input.length; ) {
      if (at % 2 === 0) {
        const end = Math.min(input.length, at + 9_001);
        sink.append(input, at, end);
        at = end;
      } else {
        const count = input.copy(sink.room(MIB), 0, at, at + 33_332);
        sink.filled(count);
        at += count;
      }
    }
    assert.deepEqual(sink.bytes(), input);
    sink.done();
  }
});
