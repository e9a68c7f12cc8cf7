import { latin1Text } from './decoding/native-slices.ts';

const POWERS: readonly number[] = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));
const DOUBLE = /^[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const INFINITE = /^[+-]?inf$/i;
const NOT_A_NUMBER = /^[+-]?nan(?:\([\w-]*\))?$/i;
const INTEGER = /^[+-]?\d{1,20}$/;
const BIG = /^[+-]?\d+$/;
const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

/** Parses the text of a double; null if it is none. */
export function parseDouble(bytes: Uint8Array, start: number, end: number): number | null {
  const negative = bytes[start] === 0x2d;
  let at = negative ? start + 1 : start;
  const whole = at;
  let point = -1;
  // The first 15 digits, and the rest; both are exact.
  let high = 0;
  let low = 0;
  let digits = 0;
  for (; at < end; at++) {
    const digit = bytes[at]! - 0x30;
    if (digit >= 0 && digit <= 9) {
      if (++digits <= 15) high = high * 10 + digit;
      else low = low * 10 + digit;
    } else if (digit === -2 && point === -1 && at > whole) {
      point = at;
    } else {
      return parseOtherDouble(latin1Text(bytes, start, end));
    }
  }
  if (digits === 0 || point === end - 1) return null;
  const decimals = point === -1 ? 0 : end - point - 1;
  if (digits > 19) return Number(latin1Text(bytes, start, end));
  const value = exactDecimal(high, low, digits, decimals);
  if (value !== value) return Number(latin1Text(bytes, start, end));
  return negative ? -value : value;
}

/**
 * The number with up to 19 digits: the first 15 in `high`, the rest in `low`, `decimals` of them after the point. NaN
 * if only the engine's parser gives the exact value.
 */
export function exactDecimal(high: number, low: number, digits: number, decimals: number): number {
  if (decimals > 22) return NaN;
  // With up to 15 digits both operands are exact, so a single division rounds correctly.
  if (digits <= 15) return high / POWERS[decimals]!;
  return divideExactly(high, POWERS[digits - 15]!, low, POWERS[decimals]!);
}

/** The upper half of a double's bits (Veltkamp). */
function upper(value: number): number {
  const scaled = value * 134_217_729;
  return scaled - (scaled - value);
}

/** The rounding error of a product (Dekker). */
function productError(a: number, b: number, product: number): number {
  const aHigh = upper(a);
  const bHigh = upper(b);
  const aLow = a - aHigh;
  const bLow = b - bHigh;
  return aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow);
}

/** `(high * factor + low) / divisor`, rounded once; NaN if it is too close to the middle of two doubles. */
function divideExactly(high: number, factor: number, low: number, divisor: number): number {
  const product = high * factor;
  const rest = productError(high, factor, product) + low;
  const mantissa = product + rest;
  const mantissaRest = rest - (mantissa - product);
  const quotient = mantissa / divisor;
  const back = quotient * divisor;
  const remainder = mantissa - back - productError(quotient, divisor, back) + mantissaRest;
  const correction = remainder / divisor;
  const doubt = Math.abs(correction) * 2 ** -40;
  const value = quotient + (correction - doubt);
  return value === quotient + (correction + doubt) ? value : NaN;
}

function parseOtherDouble(text: string): number | null {
  if (DOUBLE.test(text)) return Number(text);
  if (INFINITE.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  return NOT_A_NUMBER.test(text) ? NaN : null;
}

/** Parses a 64-bit integer, to a `bigint` if a `number` would not be exact; null if it is none. */
export function parseInteger(text: string): number | bigint | null {
  if (!INTEGER.test(text)) return null;
  const value = BigInt(text);
  if (value > INT64_MAX || value < INT64_MIN) return null;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Parses a big number; null if it is none. */
export function parseBigNumber(text: string): bigint | null {
  return BIG.test(text) ? BigInt(text) : null;
}
