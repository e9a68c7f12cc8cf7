/** Strings up to this many bytes are built from character codes, because a call into C++ costs more. */
export const SHORT = 16;

type Codes = { readonly [index: number]: number };
const chars = String.fromCharCode;

/**
 * Up to 16 bytes as text; null if one of them exceeds `most`. Every byte is read once and every length is written out:
 * a loop costs twice as much, and building an argument list as much again.
 */
export function shortText(bytes: Uint8Array, s: number, count: number, most: number): string | null {
  const c = bytes as Codes;
  if (count > 8) return longerText(c, s, count, most);
  if (count > 4) return middleText(c, s, count, most);
  const a = c[s]!;
  if (count < 2) return count === 0 ? '' : a > most ? null : chars(a);
  const b = c[s + 1]!;
  if (count === 2) return (a | b) > most ? null : chars(a, b);
  const d = c[s + 2]!;
  if (count === 3) return (a | b | d) > most ? null : chars(a, b, d);
  const e = c[s + 3]!;
  return (a | b | d | e) > most ? null : chars(a, b, d, e);
}

/** 5 to 8 bytes. */
function middleText(c: Codes, s: number, count: number, most: number): string | null {
  const a = c[s]!;
  const b = c[s + 1]!;
  const d = c[s + 2]!;
  const e = c[s + 3]!;
  const f = c[s + 4]!;
  const all = a | b | d | e | f;
  if (count === 5) return all > most ? null : chars(a, b, d, e, f);
  const g = c[s + 5]!;
  if (count === 6) return (all | g) > most ? null : chars(a, b, d, e, f, g);
  const h = c[s + 6]!;
  if (count === 7) return (all | g | h) > most ? null : chars(a, b, d, e, f, g, h);
  const i = c[s + 7]!;
  return (all | g | h | i) > most ? null : chars(a, b, d, e, f, g, h, i);
}

/** 9 to 16 bytes. */
function longerText(c: Codes, s: number, count: number, most: number): string | null {
  const a = c[s]!;
  const b = c[s + 1]!;
  const d = c[s + 2]!;
  const e = c[s + 3]!;
  const f = c[s + 4]!;
  const g = c[s + 5]!;
  const h = c[s + 6]!;
  const i = c[s + 7]!;
  const all = a | b | d | e | f | g | h | i;
  const t = s + 8;
  const j = c[t]!;
  if (count === 9) return (all | j) > most ? null : chars(a, b, d, e, f, g, h, i, j);
  const k = c[t + 1]!;
  if (count === 10) return (all | j | k) > most ? null : chars(a, b, d, e, f, g, h, i, j, k);
  const l = c[t + 2]!;
  if (count === 11) return (all | j | k | l) > most ? null : chars(a, b, d, e, f, g, h, i, j, k, l);
  const m = c[t + 3]!;
  if (count === 12) return (all | j | k | l | m) > most ? null : chars(a, b, d, e, f, g, h, i, j, k, l, m);
  const n = c[t + 4]!;
  if (count === 13)
    return (all | j | k | l | m | n) > most ? null : chars(a, b, d, e, f, g, h, i, j, k, l, m, n);
  const o = c[t + 5]!;
  if (count === 14)
    return (all | j | k | l | m | n | o) > most ? null : chars(a, b, d, e, f, g, h, i, j, k, l, m, n, o);
  const p = c[t + 6]!;
  if (count === 15)
    return (all | j | k | l | m | n | o | p) > most
      ? null
      : chars(a, b, d, e, f, g, h, i, j, k, l, m, n, o, p);
  const q = c[t + 7]!;
  return (all | j | k | l | m | n | o | p | q) > most
    ? null
    : chars(a, b, d, e, f, g, h, i, j, k, l, m, n, o, p, q);
}
