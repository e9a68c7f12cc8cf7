import type { AbstractChannel } from '../../interfaces/abstract-channel.ts';
import { flowOf } from './overflow.ts';
import type { FlowListener } from './overflow.ts';

/** Watches the channels of one feeder: it must not read while any of them is full. */
export class FlowGate {
  readonly #onPause: (paused: boolean) => void;
  readonly #onClosed: (channel: AbstractChannel) => void;
  readonly #paused = new Set<AbstractChannel>();
  /** One channel object may be under several names. */
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
