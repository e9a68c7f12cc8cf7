import type { Mailbox, Reader } from './mailbox.ts';
import type { Reading } from './message-reading.ts';

const END: IteratorReturnResult<undefined> = { value: undefined, done: true };

class ParkedNext<M> implements Reader {
  readonly #mailbox: Mailbox;
  readonly #reading: Reading;
  readonly #resolve: (result: IteratorResult<M, undefined>) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #parked: Set<ParkedNext<M>>;

  constructor(
    mailbox: Mailbox,
    reading: Reading,
    parked: Set<ParkedNext<M>>,
    resolve: (result: IteratorResult<M, undefined>) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#mailbox = mailbox;
    this.#reading = reading;
    this.#parked = parked;
    this.#resolve = resolve;
    this.#reject = reject;
    parked.add(this);
    mailbox.park(this);
  }

  serve(): void {
    this.#parked.delete(this);
    if (this.#mailbox.unread === 0) return this.#resolve(END);
    try {
      this.#resolve({ value: this.#mailbox.take(this.#reading) as M, done: false });
    } catch (error) {
      this.#reject(error);
    }
  }

  end(): void {
    this.#mailbox.unpark(this);
    this.#resolve(END);
  }
}

/**
 * One walk over a channel. An object of its own instead of an async generator, whose `return()` waits for a
 * pending `next()`: here it ends the walk at once, and what is unread stays for the next reader.
 */
export class MessageIterator<M> implements AsyncIterableIterator<M, undefined> {
  readonly #mailbox: Mailbox;
  readonly #reading: Reading;
  readonly #parked = new Set<ParkedNext<M>>();
  #done = false;

  constructor(mailbox: Mailbox, reading: Reading) {
    this.#mailbox = mailbox;
    this.#reading = reading;
  }

  next(): Promise<IteratorResult<M, undefined>> {
    const mailbox = this.#mailbox;
    if (this.#done) return Promise.resolve(END);
    if (mailbox.ready) {
      try {
        return Promise.resolve({ value: mailbox.take(this.#reading) as M, done: false });
      } catch (error) {
        return Promise.reject(error);
      }
    }
    if (mailbox.ended) return this.return();
    return new Promise((resolve, reject) => {
      void new ParkedNext(mailbox, this.#reading, this.#parked, resolve, reject);
    });
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    this.#done = true;
    for (const parked of this.#parked) parked.end();
    this.#parked.clear();
    return Promise.resolve(END);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
