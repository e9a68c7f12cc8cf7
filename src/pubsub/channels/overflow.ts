import type { AbstractChannel } from '../../interfaces/abstract-channel.ts';
import type { DecodeMode } from '../../resp/types.ts';

/** What happens when nobody reads fast enough. */
export type OverflowPolicy = 'pause' | 'drop-oldest' | 'drop-newest' | 'close';

const POLICIES: readonly OverflowPolicy[] = ['pause', 'drop-oldest', 'drop-newest', 'close'];

export function checkOverflow(value: OverflowPolicy | undefined): OverflowPolicy {
  if (value === undefined) return 'pause';
  if (POLICIES.includes(value)) return value;
  throw new TypeError(`overflow must be one of ${POLICIES.join(', ')}`);
}

export function checkMaxMessages(value: number | null | undefined): number {
  if (value === undefined) return 65_536;
  if (value === null) return Infinity;
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new TypeError('maxMessages must be a whole number above 0, or null for no limit');
}

/**
 * What a channel says to whoever feeds it. `paused`: it is full, stop reading the socket; what is already
 * under way is still taken. `flowing`: half of it has been read. `closed`: nothing is taken any more.
 */
export type FlowState = 'flowing' | 'paused' | 'closed';
export type FlowListener = (state: FlowState, channel: AbstractChannel) => void;

/** Registered, so that channels of another copy of the package are understood as well. */
const FLOW = Symbol.for('respool.channel.flow');

export interface FlowControl {
  /** It asks for pauses; whoever feeds it should feed nobody else over the same socket. */
  readonly pauses: boolean;
  readonly state: FlowState;
  /** What it makes of its messages: they may come to `take` as that, once decoded for all. */
  readonly mode: DecodeMode;
  take(message: Buffer | string): unknown;
  readonly listeners: Set<FlowListener>;
}

/** Makes a channel's flow visible to its feeders; nobody else sees it. */
export function exposeFlow(channel: AbstractChannel, flow: FlowControl): void {
  Object.defineProperty(channel, FLOW, { value: flow });
}

/** Null for foreign channels: they take everything at once. */
export function flowOf(channel: AbstractChannel): FlowControl | null {
  return (channel as { [FLOW]?: FlowControl })[FLOW] ?? null;
}
