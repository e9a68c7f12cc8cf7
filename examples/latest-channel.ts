// A channel that keeps only the latest message: for prices, positions, settings. It never grows, never delays whoever
// feeds it, and who reads it sees what holds now.
import {
  AbstractChannel,
  ChannelClosedError,
  type ChannelGap,
  TimeoutError,
  type WaitOptions,
} from '../src/index.ts';

type Message = Buffer | readonly [channel: Buffer, message: Buffer];

export class LatestChannel extends AbstractChannel {
  readonly name: Buffer;
  readonly isPattern: boolean;
  /** Messages that another one replaced before they were read. */
  replaced = 0;
  /** The last stretch of time in which messages may have been missed. */
  lastGap: ChannelGap | null = null;
  #latest: Message | null = null;
  #closed = false;
  #error: Error | undefined;
  readonly #readers = new Set<() => void>();

  constructor(name: string | Uint8Array, isPattern = false) {
    super();
    this.name = Buffer.from(name as string);
    this.isPattern = isPattern;
  }

  get isActive(): boolean {
    return !this.#closed || this.#latest !== null;
  }

  putNowait(data: Message): void {
    if (this.#closed) return;
    if (this.#latest !== null) this.replaced++;
    this.#latest = data;
    this.#wake();
  }
  override gap(gap: ChannelGap): void {
    this.lastGap = gap;
  }
  close(error?: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#error = error;
    this.#wake();
  }

  /** The latest message, once; waits for the next one when it has been read. */
  async get({ signal, timeout }: WaitOptions = {}): Promise<Message> {
    const limit = timeout === undefined || timeout === null ? Infinity : performance.now() + timeout;
    for (;;) {
      signal?.throwIfAborted();
      const message = this.#latest;
      if (message !== null) {
        this.#latest = null;
        return message;
      }
      if (this.#closed) throw new ChannelClosedError('the channel is closed', { cause: this.#error });
      const left = limit - performance.now();
      if (left <= 0) throw new TimeoutError(`no message came within ${timeout} ms`, { phase: 'reply' });
      await this.#change(signal, left);
    }
  }

  #wake(): void {
    for (const wake of [...this.#readers]) wake();
  }

  /** Resolves when something has changed, or when waiting is over. */
  #change(signal: AbortSignal | undefined, left: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#readers.delete(done);
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = left === Infinity ? undefined : setTimeout(done, left);
      signal?.addEventListener('abort', done);
      this.#readers.add(done);
    });
  }
}
