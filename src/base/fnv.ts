const START = 0x811c9dc5;

/** FNV-1a hash of the bytes from `start` up to `end`, as a signed integer. Pass a hash as `seed` to continue it. */
export function fnv(bytes: Uint8Array, start = 0, end = bytes.length, seed = START): number {
  let value = seed;
  for (let at = start; at < end; at++) value = Math.imul(value ^ (bytes[at] as number), 0x01000193);
  return value;
}
