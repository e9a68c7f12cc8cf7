// Each channel here breaks one rule of the contract, and some conformance case has to find it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AbstractChannel, ChannelClosedError, TimeoutError, type WaitOptions } from '../../../src/index.ts';
import { channelConformance } from '../../../src/testkit/index.ts';

type Message = Buffer | readonly [channel: Buffer, message: Buffer];

interface Reader {
  resolve(message: unknown): void;
  reject(reason: unknown): void;
}

/** A plain queue that keeps the contract. */
class Queue extends AbstractChannel {
  readonly isPattern: boolean;
  readonly text: string;
  unread: Message[] = [];
  readers: Reader[] = [];
  closed = false;

  constructor(name: string, isPattern: boolean) {
    super();
    this.text = name;
    this.isPattern = isPattern;
  }
  get name(): Buffer {
    return Buffer.from(this.text);
  }
  get isActive(): boolean {
    return !this.closed || this.unread.length > 0;
  }
  putNowait(data: Message): void {
    if (this.closed) return;
    this.unread.push(data);
    this.serve();
  }
  get({ signal, timeout }: WaitOptions = {}): Promise<unknown> {
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error);
    if (this.unread.length > 0) return Promise.resolve(this.take());
    if (this.closed) return Promise.reject(new ChannelClosedError('closed'));
    return new Promise((resolve, reject) => {
      const reader = { resolve, reject };
      const leave = (reason: unknown): void => {
        this.readers = this.readers.filter((other) => other !== reader);
        reject(reason as Error);
      };
      this.readers.push(reader);
      signal?.addEventListener('abort', () => leave(signal.reason));
      if (typeof timeout === 'number') setTimeout(() => leave(new TimeoutError('late')), timeout).unref();
    });
  }
  close(): void {
    this.closed = true;
    for (const { reject } of this.readers.splice(0)) reject(new ChannelClosedError('closed'));
  }
  take(): unknown {
    return this.unread.shift();
  }
  serve(): void {
    while (this.unread.length > 0 && this.readers.length > 0) this.readers.shift()?.resolve(this.take());
  }
}

const broken: Record<string, new (name: string, isPattern: boolean) => AbstractChannel> = {
  'hands out the newest first': class extends Queue {
    override take(): unknown {
      return this.unread.pop();
    }
  },
  'gives one message to all who wait': class extends Queue {
    override serve(): void {
      if (this.readers.length === 0) return;
      const message = this.take();
      for (const { resolve } of this.readers.splice(0)) resolve(message);
    }
  },
  'loses what comes behind an unread message': class extends Queue {
    override putNowait(data: Message): void {
      if (this.unread.length === 0) super.putNowait(data);
    }
  },
  'hands out a message twice': class extends Queue {
    #again = false;
    override take(): unknown {
      this.#again = !this.#again;
      return this.#again ? this.unread[0] : super.take();
    }
  },
  'tells of a pattern only the message': class extends Queue {
    override take(): unknown {
      const message = super.take();
      return Array.isArray(message) ? (message[1] as unknown) : message;
    }
  },
  'makes text of bytes': class extends Queue {
    override putNowait(data: Message): void {
      super.putNowait(Array.isArray(data) ? (data as Message) : Buffer.from(String(data)));
    }
  },
  'serves the last reader first': class extends Queue {
    override serve(): void {
      while (this.unread.length > 0 && this.readers.length > 0) this.readers.pop()?.resolve(this.take());
    }
  },
  'forgets what is unread when it is closed': class extends Queue {
    override close(): void {
      this.unread = [];
      super.close();
    }
  },
  'takes messages when it is closed': class extends Queue {
    override putNowait(data: Message): void {
      this.unread.push(data);
      this.serve();
    }
  },
};

test('a channel that keeps the contract passes the conformance cases', async () => {
  for (const { run } of channelConformance((name, isPattern) => new Queue(name, isPattern))) await run();
});

for (const [what, Broken] of Object.entries(broken)) {
  test(`a channel that ${what} fails the conformance cases`, async () => {
    const failed: string[] = [];
    for (const { name, run } of channelConformance((text, isPattern) => new Broken(text, isPattern)))
      await run().catch(() => failed.push(name));
    assert.notDeepEqual(failed, []);
  });
}
