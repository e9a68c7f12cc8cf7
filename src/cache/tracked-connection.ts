import type { Heartbeat } from './heartbeat.ts';

/** An object that identifies a connection; entries fetched over the connection are dropped when it ends. */
export type Epoch = object;

/** A tracked connection and the keys fetched over it. */
export class TrackedConnection {
  readonly guardedBy: Epoch | null;
  /** Reads with a lower `born` are not stored: 0, or the count of ended connections if it was tracked before. */
  readonly since: number;
  /** The heartbeat of the connection that gets its invalidations. */
  readonly heartbeat: Heartbeat;
  readonly keys = new Set<string>();
  /** There were too many keys to list. */
  overflowed = false;

  constructor(guardedBy: Epoch | null, since: number, heartbeat: Heartbeat) {
    this.guardedBy = guardedBy;
    this.since = since;
    this.heartbeat = heartbeat;
  }

  /** Whether the cache may hold entries fetched over it. */
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
