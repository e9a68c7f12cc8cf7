import type { BaseConnection } from '../../connection/base-connection.ts';
import { Entry } from '../../connection/requests/entry.ts';
import type { ConnectionNode } from '../../node/connection-node.ts';

const QUIET = 1 << 16;
const OVERALL = 1 << 17;
const ENDLESS = 1 << 18;
const BLOCKS = 1 << 19;
const EVER_WRITTEN = 1 << 20;
const ASKING = 1 << 21;

/** What few calls have. */
class Details {
  signal: AbortSignal | null = null;
  pinned: ConnectionNode<BaseConnection> | null = null;
  acquireBy = 0;
  redirects = 0;
  prelude: (() => Entry) | null = null;
}

/** The unusual sides of a pool's call: bits, and an object that only unusual calls have. */
export abstract class DetailedEntry extends Entry {
  details: Details | null = null;

  /** False: an error reply is the value. */
  get raise(): boolean {
    return (this.traits & QUIET) === 0;
  }
  set raise(on: boolean) {
    this.mark(QUIET, !on);
  }
  /** The call's own limit covers every attempt; else `limit` is that of each reply. */
  get overall(): boolean {
    return (this.traits & OVERALL) !== 0;
  }
  set overall(on: boolean) {
    this.mark(OVERALL, on);
  }
  /** The call was given no limit on purpose, not even that of the pool on waiting. */
  get endless(): boolean {
    return (this.traits & ENDLESS) !== 0;
  }
  set endless(on: boolean) {
    this.mark(ENDLESS, on);
  }
  /** It gets a connection of its own. */
  get blocks(): boolean {
    return (this.traits & BLOCKS) !== 0;
  }
  set blocks(on: boolean) {
    this.mark(BLOCKS, on);
  }
  /** An attempt of which no more is known was written. */
  get everWritten(): boolean {
    return (this.traits & EVER_WRITTEN) !== 0;
  }
  set everWritten(on: boolean) {
    this.mark(EVER_WRITTEN, on);
  }
  get asking(): boolean {
    return (this.traits & ASKING) !== 0;
  }
  set asking(on: boolean) {
    this.mark(ASKING, on);
  }

  get callSignal(): AbortSignal | null {
    return this.details === null ? null : this.details.signal;
  }
  set callSignal(signal: AbortSignal | null) {
    if (signal !== null || this.details !== null) this.detailed().signal = signal;
  }
  /** This node and no other, redirects or not. */
  get pinned(): ConnectionNode<BaseConnection> | null {
    return this.details === null ? null : this.details.pinned;
  }
  set pinned(node: ConnectionNode<BaseConnection> | null) {
    if (node !== null || this.details !== null) this.detailed().pinned = node;
  }
  /** Without a limit of its own: when it must have a connection, over all attempts to get one. 0: not waiting. */
  get acquireBy(): number {
    return this.details === null ? 0 : this.details.acquireBy;
  }
  set acquireBy(at: number) {
    if (at !== 0 || this.details !== null) this.detailed().acquireBy = at;
  }
  get redirects(): number {
    return this.details === null ? 0 : this.details.redirects;
  }
  set redirects(count: number) {
    if (count !== 0 || this.details !== null) this.detailed().redirects = count;
  }
  /** Goes right before it, at every attempt. */
  get prelude(): (() => Entry) | null {
    return this.details === null ? null : this.details.prelude;
  }
  set prelude(make: (() => Entry) | null) {
    if (make !== null || this.details !== null) this.detailed().prelude = make;
  }

  private detailed(): Details {
    this.details ??= new Details();
    return this.details;
  }
}
