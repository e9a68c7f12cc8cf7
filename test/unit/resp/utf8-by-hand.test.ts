import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { test } from 'node:test';
import { textByHand } from '../../../src/resp/decoding/utf8-by-hand.ts';

const read = (bytes: Buffer): string | null => textByHand(bytes, 0, bytes.length);

test('every character is read', () => {
  for (let point = 0; point <= 0x10ffff; point += point < 0x11000 ? 1 : 61) {
    if (point >= 0xd800 && point <= 0xdfff) continue;
    const text = `a${String.fromCodePoint(point)}b`;
    assert.equal(read(Buffer.from(text)), text);
  }
  assert.equal(read(Buffer.from('\ufeff\ufffd\u{10ffff}')), '\ufeff\ufffd\u{10ffff}');
});

test('invalid UTF-8 is recognised exactly as the runtime recognises it', () => {
  const leads = [
    0x00, 0x41, 0x7f, 0x80, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1,
  ];
  const all = [...leads, 0xf3, 0xf4, 0xf5, 0xf8, 0xff, 0x8f, 0x90, 0x9f, 0xa0];
  let right = 0;
  for (const a of all)
    for (const b of all)
      for (const c of all)
        for (const d of all) {
          const bytes = Buffer.from([a, b, c, d]);
          const valid = isUtf8(bytes);
          if (valid) right++;
          assert.equal(read(bytes), valid ? bytes.toString() : null);
          assert.equal(
            read(bytes.subarray(0, 3)),
            isUtf8(bytes.subarray(0, 3)) ? bytes.toString('utf8', 0, 3) : null,
          );
        }
  assert.ok(right > 1000);
});

test('only the bytes between the bounds are read', () => {
  const bytes = Buffer.from('€žluťoučký€');
  assert.equal(textByHand(bytes, 3, bytes.length - 3), 'žluťoučký');
  assert.equal(textByHand(bytes, 1, bytes.length), null);
  assert.equal(textByHand(bytes, 0, bytes.length - 1), null);
  assert.equal(textByHand(bytes, 3, 3), '');
});
