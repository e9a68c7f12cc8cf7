import type { Heartbeat } from './heartbeat.ts';

/** Whatever stands for one connection's life: entries fetched over it go when it ends. */
export type Epoch = object;

/** A tracked connection and the keys whose entries came over it. */
export class TrackedConnection {
  readonly guardedBy: Epoch | null;
  /** Reads that began before are not its own: 0, or for one that was tracked before the count of ends by then. */
  readonly since: number;
  /** The heartbeat of the connection that receives its invalidations. */
  readonly heartbeat: Heartbeat;
  readonly keys = new Set<string>();
  /** Too many keys for a list. */
  overflowed = false;

  constructor(guardedBy: Epoch | null, since: number, heartbeat: Heartbeat) {
    this.guardedBy = guardedBy;
    this.since = since;
    this.heartbeat = heartbeat;
  }

  /** Entries may be held that came over it. */
  get guards(): boolean {
    return this.overflowed || this.keys.size > 0;
  }

  own(key: string, most: number): void {
    if (this.overflowed) return;
    this.keys.add(key);
    if (this.keys.size <= most) return;
    this.overflowed = true;
    this.keys.clear();
  }

  clear(): void {
    this.keys.clear();
    this.overflowed = false;
  }
}
