import type { ConnectionCore } from '../connection/connection-core.ts';
import { type Entry, SETTLED } from '../connection/requests/entry.ts';

/** What a lease that was left early has queued and nobody has written yet keeps no stranger waiting. */
export function leftThisTick({ outbox }: ConnectionCore): boolean {
  return outbox.written === 0 && outbox.strangers === 0;
}

/** Nobody waits for anything that is outstanding: every caller has given up. */
export function abandoned({ outbox }: ConnectionCore): boolean {
  for (let index = 0; index < outbox.length; index++) if (outbox.at(index).phase !== SETTLED) return false;
  return true;
}

/** Somebody else than the maker of this entry waits for an answer. */
export function hasStrangers({ outbox }: ConnectionCore, entry: Entry): boolean {
  for (let index = 0; index < outbox.length; index++) {
    const other = outbox.at(index);
    const own = other === entry || (entry.tenure !== 0 && other.tenure === entry.tenure);
    if (!own && other.phase !== SETTLED) return true;
  }
  return false;
}
