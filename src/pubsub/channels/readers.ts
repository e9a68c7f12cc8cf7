import { Deadline, type WaitOptions } from '../../base/deadline.ts';
import { ChannelClosedError, TimeoutError } from '../../errors/errors.ts';
import type { Mailbox, Reader } from './mailbox.ts';
import type { Reading } from './message-reading.ts';

type Resolve = (value: unknown) => void;
type Reject = (reason: unknown) => void;

function closedError(mailbox: Mailbox): ChannelClosedError {
  return new ChannelClosedError('the channel is closed', { cause: mailbox.error });
}

/** A waiting `get()`, or without `reading` a waiting `waitMessage()`, which takes no message. */
class ParkedCall implements Reader {
  readonly #mailbox: Mailbox;
  readonly #reading: Reading | null;
  readonly #deadline: Deadline | null;
  readonly #resolve: Resolve;
  readonly #reject: Reject;

  constructor(
    mailbox: Mailbox,
    reading: Reading | null,
    deadline: Deadline | null,
    resolve: Resolve,
    reject: Reject,
  ) {
    this.#mailbox = mailbox;
    this.#reading = reading;
    this.#deadline = deadline;
    this.#resolve = resolve;
    this.#reject = reject;
    deadline?.watch(this);
    mailbox.park(this);
  }

  serve(): void {
    this.#deadline?.unwatch();
    const unread = this.#mailbox.unread > 0;
    if (this.#reading === null) return this.#resolve(unread);
    if (!unread) return this.#reject(closedError(this.#mailbox));
    try {
      this.#resolve(this.#mailbox.take(this.#reading));
    } catch (error) {
      this.#reject(error);
    }
  }

  onAbort(reason: unknown): void {
    this.#mailbox.unpark(this);
    this.#reject(reason);
  }

  onTimeout(): void {
    this.#mailbox.unpark(this);
    const waited = `${this.#deadline?.timeout} ms`;
    this.#reject(new TimeoutError(`no message came within ${waited}`, { phase: 'reply' }));
  }
}

/** Reads the next message, now or later. Throws for bad limits, and the signal's reason if it has fired. */
export function readNext(
  mailbox: Mailbox,
  reading: Reading,
  limits: WaitOptions | undefined,
): Promise<unknown> {
  const deadline = limits === undefined ? null : openDeadline(limits);
  if (mailbox.ready) return Promise.resolve(mailbox.take(reading));
  if (mailbox.ended) throw closedError(mailbox);
  return new Promise((resolve, reject) => void new ParkedCall(mailbox, reading, deadline, resolve, reject));
}

/** Resolves to true when a message is ready, false when none will come. */
export function awaitMessage(mailbox: Mailbox, limits: WaitOptions | undefined): Promise<boolean> {
  const deadline = limits === undefined ? null : openDeadline(limits);
  if (mailbox.ready || mailbox.ended) return Promise.resolve(mailbox.unread > 0);
  return new Promise<boolean>((resolve, reject) => {
    void new ParkedCall(mailbox, null, deadline, resolve as Resolve, reject);
  });
}

function openDeadline(limits: WaitOptions): Deadline | null {
  const deadline = Deadline.of(limits);
  if (deadline.aborted) throw deadline.reason;
  return deadline.signal === null && deadline.unlimited ? null : deadline;
}

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
 * An iteration over a channel. Not an async generator, whose `return()` waits for a pending `next()`: here `return()`
 * ends the iteration at once, and unread messages stay for the next reader.
 */
export class MessageIterator<M> implements AsyncIterator<M, undefined>, AsyncIterable<M> {
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

export interface MessageReceiver {
  /** Takes a message. If it returns a promise, the next message waits for that. */
  receive(message: unknown): unknown;
  /** Called when a message could not be decoded, or `receive` failed. */
  failed(error: unknown): void;
}

/** Passes every message to a callback in order, and waits for the promise it returns. */
export class CallbackReader implements Reader {
  readonly #mailbox: Mailbox;
  readonly #reading: Reading;
  readonly #receiver: MessageReceiver;

  constructor(mailbox: Mailbox, reading: Reading, receiver: MessageReceiver) {
    this.#mailbox = mailbox;
    this.#reading = reading;
    this.#receiver = receiver;
    mailbox.stand(this);
  }

  serve(): void {
    const mailbox = this.#mailbox;
    while (mailbox.unread > 0) {
      const pending = this.#next();
      if (!(pending instanceof Promise)) continue;
      const goOn = (): void => this.serve();
      void pending.catch((error: unknown) => this.#receiver.failed(error)).then(goOn);
      return;
    }
    if (!mailbox.closed) mailbox.stand(this);
  }

  #next(): unknown {
    const { receive } = this.#receiver;
    let message: unknown;
    try {
      message = this.#mailbox.take(this.#reading);
    } catch (error) {
      // No other reader could decode the message in another way, so drop it.
      this.#mailbox.skip();
      return this.#receiver.failed(error);
    }
    try {
      return receive(message);
    } catch (error) {
      return this.#receiver.failed(error);
    }
  }
}
