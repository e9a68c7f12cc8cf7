/** `RESPOOL_STRICT=1`: claims about time hold as they are made, on a machine that has nothing else to do. */
const STRICT = process.env['RESPOOL_STRICT'] === '1';

/**
 * The bound of a wait in milliseconds: what is claimed when `RESPOOL_STRICT=1`, otherwise `busy`, which a machine
 * under load keeps too and a wait that never ends does not.
 */
export function atMost(claimed: number, busy = 5_000): number {
  return STRICT ? claimed : Math.max(claimed, busy);
}
