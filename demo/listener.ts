import { Channel, type ChannelGap } from '../src/index.ts';

/** Reads numbered messages (`name:number`) and accounts for every number. */
export class Listener {
  readonly channel: Channel<string>;
  received = 0;
  /** Numbers that never came, and came between a gap's edges. */
  lostInGaps = 0;
  /** Numbers that are missing, doubled or out of order without a gap that says so. */
  silent = 0;
  gaps = 0;
  readonly holes: number[] = [];
  readonly #last = new Map<string, number>();
  #inGap = new Set<string>();
  #done: Promise<void> | null = null;

  constructor(name: string, isPattern = false) {
    this.channel = new Channel<string>(name, {
      isPattern,
      encoding: 'utf-8',
      onGap: (gap) => this.#passGap(gap),
    });
  }

  /** Until the channel is closed. */
  start(): void {
    this.#done = this.#read();
  }
  async done(): Promise<void> {
    await this.#done;
  }
  last(name: string): number {
    return this.#last.get(name) ?? 0;
  }

  async #read(): Promise<void> {
    for await (const message of this.channel) {
      const text = typeof message === 'string' ? message : message[1];
      const colon = text.lastIndexOf(':');
      this.#account(text.slice(0, colon), Number(text.slice(colon + 1)));
    }
  }

  #passGap({ from, to }: ChannelGap): void {
    this.gaps++;
    this.holes.push(to - from);
    // Each name that it hears may have missed something.
    this.#inGap = new Set(this.#last.keys());
  }

  #account(name: string, number: number): void {
    const last = this.#last.get(name);
    this.received++;
    this.#last.set(name, number);
    const missing = last === undefined ? 0 : number - last - 1;
    if (missing !== 0 && !(missing > 0 && this.#inGap.has(name))) this.silent++;
    else this.lostInGaps += missing;
    this.#inGap.delete(name);
  }
}
