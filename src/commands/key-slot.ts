/** Number of slots of a cluster. */
export const SLOT_COUNT = 16_384;

/** CRC16-XMODEM: polynomial 0x1021, initial value 0, most significant bit first. */
const CRC = new Uint16Array(256);
for (let byte = 0; byte < 256; byte++) {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  CRC[byte] = crc;
}
const SLOT_MASK = SLOT_COUNT - 1;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/**
 * The slot of a key. If there is text between the first `{` and the next `}`, only that is hashed. Text is hashed as
 * the bytes it is sent as, without encoding it first.
 */
export function keySlot(key: string | Uint8Array, encoding?: string): number {
  if (typeof key !== 'string') return byteSlot(key);
  let crc = 0;
  for (let index = 0; index < key.length; index++) {
    const unit = key.charCodeAt(index);
    // Most keys are ASCII without a tag; only others are read a second time.
    if (unit > 0x7f || unit === OPEN) return textSlot(key, encoding !== 'latin1');
    crc = ((crc << 8) & 0xffff) ^ CRC[(crc >> 8) ^ unit]!;
  }
  return crc & SLOT_MASK;
}

function textSlot(key: string, utf8: boolean): number {
  let start = 0;
  let end = key.length;
  const open = key.indexOf('{');
  if (open !== -1) {
    const close = key.indexOf('}', open + 1);
    if (close > open + 1) {
      start = open + 1;
      end = close;
    }
  }
  let crc = 0;
  for (let index = start; index < end; index++) {
    const unit = key.charCodeAt(index);
    if (unit > 0x7f && utf8) return utf8Slot(key, index, end, crc);
    crc = ((crc << 8) & 0xffff) ^ CRC[(crc >> 8) ^ (unit & 0xff)]!;
  }
  return crc & SLOT_MASK;
}

/** Continues from the first character outside ASCII. A lone surrogate counts as U+FFFD, as it is sent. */
function utf8Slot(key: string, from: number, end: number, start: number): number {
  let crc = start;
  const add = (byte: number): void => {
    crc = ((crc << 8) & 0xffff) ^ CRC[(crc >> 8) ^ byte]!;
  };
  for (let index = from; index < end; index++) {
    let point = key.charCodeAt(index);
    if (point >= 0xd800 && point <= 0xdfff) {
      const low = point < 0xdc00 && index + 1 < end ? key.charCodeAt(index + 1) : 0;
      if (low >= 0xdc00 && low <= 0xdfff) {
        point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
        index++;
      } else {
        point = 0xfffd;
      }
    }
    if (point < 0x80) {
      add(point);
    } else if (point < 0x800) {
      add(0xc0 | (point >> 6));
      add(0x80 | (point & 0x3f));
    } else {
      if (point < 0x10000) {
        add(0xe0 | (point >> 12));
      } else {
        add(0xf0 | (point >> 18));
        add(0x80 | ((point >> 12) & 0x3f));
      }
      add(0x80 | ((point >> 6) & 0x3f));
      add(0x80 | (point & 0x3f));
    }
  }
  return crc & SLOT_MASK;
}

function byteSlot(key: Uint8Array): number {
  let start = 0;
  let end = key.length;
  const open = key.indexOf(OPEN);
  if (open !== -1) {
    const close = key.indexOf(CLOSE, open + 1);
    if (close > open + 1) {
      start = open + 1;
      end = close;
    }
  }
  let crc = 0;
  for (let index = start; index < end; index++) {
    crc = ((crc << 8) & 0xffff) ^ CRC[(crc >> 8) ^ key[index]!]!;
  }
  return crc & SLOT_MASK;
}
