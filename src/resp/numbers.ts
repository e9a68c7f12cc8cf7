import { latin1Text } from './native-slices.ts';

const POWERS = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));
const DOUBLE = /^[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const INFINITE = /^[+-]?inf$/i;
const NOT_A_NUMBER = /^[+-]?nan(?:\([\w-]*\))?$/i;
const INTEGER = /^[+-]?\d{1,20}$/;
const BIG = /^[+-]?\d+$/;
const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

/** A double's text, or null when it is none. */
export function parseDouble(bytes: Uint8Array, start: number, end: number): number | null {
  let at = start;
  let mantissa = 0;
  let decimals = 0;
  const negative = bytes[at] === 0x2d;
  if (negative) at++;
  const whole = at;
  let digit: number;
  while (at < end && (digit = bytes[at]! - 0x30) >= 0 && digit <= 9) {
    mantissa = mantissa * 10 + digit;
    at++;
  }
  if (at === whole) return parseOtherDouble(latin1Text(bytes, start, end));
  if (at < end && bytes[at] === 0x2e) {
    const fraction = ++at;
    while (at < end && (digit = bytes[at]! - 0x30) >= 0 && digit <= 9) {
      mantissa = mantissa * 10 + digit;
      at++;
    }
    decimals = at - fraction;
    if (decimals === 0) return null;
  }
  // Both operands are exact then, so that the one division rounds correctly.
  if (at === end && decimals <= 22 && mantissa <= Number.MAX_SAFE_INTEGER) {
    const value = mantissa / POWERS[decimals]!;
    return negative ? -value : value;
  }
  return parseOtherDouble(latin1Text(bytes, start, end));
}

function parseOtherDouble(text: string): number | null {
  if (DOUBLE.test(text)) return Number(text);
  if (INFINITE.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  return NOT_A_NUMBER.test(text) ? NaN : null;
}

/** A 64-bit integer's text, as `bigint` where a `number` would not be exact; null when it is none. */
export function parseInteger(text: string): number | bigint | null {
  if (!INTEGER.test(text)) return null;
  const value = BigInt(text);
  if (value > INT64_MAX || value < INT64_MIN) return null;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** A big number's text, or null when it is none. */
export function parseBigNumber(text: string): bigint | null {
  return BIG.test(text) ? BigInt(text) : null;
}
