import type { AbstractChannel } from '../../interfaces/abstract-channel.ts';
import type { DecodeMode } from '../../resp/text-modes.ts';

/** The policy for a reader that is too slow. */
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
  throw new TypeError('maxMessages must be an integer of at least 1, or null for no limit');
}

/**
 * The state that a channel reports to its subscriber. `paused`: the channel is full, so stop reading the socket;
 * messages already on their way are accepted. `flowing`: half of its messages were read. `closed`: it accepts none.
 */
export type FlowState = 'flowing' | 'paused' | 'closed';
export type FlowListener = (state: FlowState, channel: AbstractChannel) => void;

/** A registered symbol, so that channels of another copy of the package work too. */
const FLOW = Symbol.for('respool.channel.flow');

export interface FlowControl {
  /** Whether the channel asks for pauses; then its socket should serve no channel that does not. */
  readonly pauses: boolean;
  readonly state: FlowState;
  /** How the channel decodes messages. `take` accepts messages decoded so, which is done once for all channels. */
  readonly mode: DecodeMode;
  take(message: string | readonly [channel: Buffer, message: string]): unknown;
  readonly listeners: Set<FlowListener>;
}

/** Attaches flow control to a channel, visible to its subscriber only. */
export function exposeFlow(channel: AbstractChannel, flow: FlowControl): void {
  Object.defineProperty(channel, FLOW, { value: flow });
}

/** The flow control of a channel; null for a user's own class, which takes every message at once. */
export function flowOf(channel: AbstractChannel): FlowControl | null {
  return (channel as { [FLOW]?: FlowControl })[FLOW] ?? null;
}

/** Watches the channels of one registry, whose subscriber must not read while any of them is full. */
export class FlowGate {
  readonly #onPause: (paused: boolean) => void;
  readonly #onClosed: (channel: AbstractChannel) => void;
  readonly #paused = new Set<AbstractChannel>();
  /** How many names each channel object has. */
  readonly #uses = new Map<AbstractChannel, number>();

  constructor(onPause: (paused: boolean) => void, onClosed: (channel: AbstractChannel) => void) {
    this.#onPause = onPause;
    this.#onClosed = onClosed;
  }

  get paused(): boolean {
    return this.#paused.size > 0;
  }

  add(channel: AbstractChannel): void {
    const flow = flowOf(channel);
    if (flow === null) return;
    const uses = this.#uses.get(channel) ?? 0;
    this.#uses.set(channel, uses + 1);
    if (uses > 0) return;
    flow.listeners.add(this.#listener);
    if (flow.state === 'paused') this.#set(channel, true);
  }

  remove(channel: AbstractChannel): void {
    const uses = this.#uses.get(channel);
    if (uses === undefined) return;
    if (uses > 1) {
      this.#uses.set(channel, uses - 1);
      return;
    }
    this.#uses.delete(channel);
    flowOf(channel)?.listeners.delete(this.#listener);
    this.#set(channel, false);
  }

  #listener: FlowListener = (state, channel) => {
    this.#set(channel, state === 'paused');
    if (state === 'closed') this.#onClosed(channel);
  };

  #set(channel: AbstractChannel, paused: boolean): void {
    const before = this.paused;
    if (paused) this.#paused.add(channel);
    else this.#paused.delete(channel);
    if (this.paused !== before) this.#onPause(this.paused);
  }
}
