import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keySlot, SLOT_COUNT } from '../../../../src/commands/key-slot.ts';
import { seeded } from '../manual-clock.ts';

/** Bit by bit, as the polynomial is defined. */
function slowCrc(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      const carry = ((crc >> 15) & 1) ^ ((byte >> bit) & 1);
      crc = ((crc << 1) & 0xffff) ^ (carry === 1 ? 0x1021 : 0);
    }
  }
  return crc;
}

function slowSlot(key: Uint8Array): number {
  const open = key.indexOf(0x7b);
  const close = open === -1 ? -1 : key.indexOf(0x7d, open + 1);
  return slowCrc(close > open + 1 ? key.subarray(open + 1, close) : key) % SLOT_COUNT;
}

test('known keys have their known slots', () => {
  assert.equal(keySlot('123456789'), 0x31c3);
  assert.equal(keySlot('foo'), 12182);
  assert.equal(keySlot(''), 0);
  assert.equal(keySlot('foo{}{bar}'), 8363);
  assert.equal(keySlot('x\ud800y'), 6798);
});

test('only the first non-empty tag is hashed', () => {
  const same: [string, string][] = [
    ['{user1000}.following', 'user1000'],
    ['foo{bar}{zap}', 'bar'],
    ['foo{{bar}}zap', '{bar'],
    ['{{a}}b', '{a'],
    ['}{a}', 'a'],
    ['a{b', 'a{b'],
    ['{ключ}x', 'ключ'],
  ];
  for (const [key, tag] of same) assert.equal(keySlot(key), slowCrc(Buffer.from(tag)) % SLOT_COUNT, key);
  for (const whole of ['{}', '{}{a}', 'foo{}{bar}', 'a}b{', '{', '}', '}{']) {
    assert.equal(keySlot(whole), slowCrc(Buffer.from(whole)) % SLOT_COUNT, whole);
  }
});

test('text hashes as its UTF-8 bytes, for random text', () => {
  const random = seeded(1);
  const alphabet = [
    'a',
    'Z',
    '0',
    '{',
    '}',
    '{',
    '}',
    'é',
    '中',
    '\u{1f600}',
    '\ud800',
    '\udc00',
    '\u07ff',
    '\uffff',
    '\x00',
  ];
  for (let round = 0; round < 20_000; round++) {
    let key = '';
    for (let length = Math.floor(random() * 12); length > 0; length--) {
      key += alphabet[Math.floor(random() * alphabet.length)];
    }
    const bytes = Buffer.from(key, 'utf8');
    assert.equal(keySlot(key), slowSlot(bytes), JSON.stringify(key));
    assert.equal(keySlot(bytes), slowSlot(bytes), JSON.stringify(key));
  }
});

test('bytes that are not text hash, and latin1 text hashes as latin1 bytes', () => {
  const random = seeded(2);
  for (let round = 0; round < 5_000; round++) {
    const bytes = Uint8Array.from({ length: Math.floor(random() * 20) }, () => Math.floor(random() * 256));
    assert.equal(keySlot(bytes), slowSlot(bytes));
    assert.equal(keySlot(Buffer.from(bytes).toString('latin1'), 'latin1'), slowSlot(bytes));
  }
});
