import { utf16Text } from './native-slices.ts';

/** Up to this many bytes this decoder is faster than those of Node before 24, and allocates nothing. */
export const MOST_BY_HAND = 2048;

/** UTF-16 units of the text being decoded; shared by the whole thread, because decoding is synchronous. */
const units = new Uint16Array(MOST_BY_HAND);
const unitBytes = Buffer.from(units.buffer);

/** The text of `bytes[start, end)`, fewer than `MOST_BY_HAND`; null if they are not UTF-8. */
export function textByHand(bytes: Buffer, start: number, end: number): string | null {
  const count = toUnits(bytes, start, end);
  return count < 0 ? null : utf16Text(unitBytes, 0, count * 2);
}

/**
 * Fills `units` and returns their number; -1 if the bytes are not UTF-8. May read past `end`: then a sequence is cut
 * off, and the loop does not stop exactly at `end`.
 */
function toUnits(bytes: Buffer, start: number, end: number): number {
  const out = units;
  let count = 0;
  let at = start;
  while (at < end) {
    const first = bytes[at]!;
    if (first < 0x80) {
      out[count++] = first;
      at++;
      continue;
    }
    const second = bytes[at + 1]! ^ 0x80;
    if (first < 0xe0) {
      if (first < 0xc2 || second > 0x3f) return -1;
      out[count++] = ((first & 0x1f) << 6) | second;
      at += 2;
      continue;
    }
    const third = bytes[at + 2]! ^ 0x80;
    const low = (second << 6) | third;
    if (first < 0xf0) {
      const unit = ((first & 0x0f) << 12) | low;
      if ((second | third) > 0x3f || unit < 0x800 || (unit & 0xf800) === 0xd800) return -1;
      out[count++] = unit;
      at += 3;
      continue;
    }
    const fourth = bytes[at + 3]! ^ 0x80;
    const point = ((first & 7) << 18) | (low << 6) | fourth;
    if (first > 0xf4 || (second | third | fourth) > 0x3f || point < 0x10000 || point > 0x10ffff) return -1;
    out[count++] = 0xd7c0 + (point >> 10);
    out[count++] = 0xdc00 | (point & 0x3ff);
    at += 4;
  }
  return at === end ? count : -1;
}
