import type { CommandInfo } from '../../commands/command-info.ts';
import { ConnectionError, RequestAbortedError } from '../../errors/errors.ts';
import type { PartialReader } from '../../resp/decoding/partial-reader.ts';
import { type Wire, wireLength } from '../../resp/encoder.ts';
import type { DecodeMode } from '../../resp/text-modes.ts';
import type { Reply } from '../../resp/types.ts';
import { type ConnectionCore, RESERVED } from '../connection-core.ts';
import { redactInside } from '../redaction/redaction.ts';
import { Entry, QUEUED, type Settle } from './entry.ts';
import { type PartSource, type ReplyStream, UnreadParts } from './reply-stream.ts';

/** Above this many unread bytes the socket is paused; at half of it, it is resumed. */
const MOST_UNREAD = 1024 * 1024;

/** The entry of a command whose reply is streamed. */
export abstract class StreamEntry<T> extends Entry implements PartSource {
  /** Called when the entry settles; traces replace it. */
  resolve: Settle = () => {};
  reject: (error: unknown) => void = () => {};
  protected readonly core: ConnectionCore;
  readonly #parts = new UnreadParts<T>(this);
  #over = false;

  constructor(core: ConnectionCore, info: CommandInfo, wire: Wire, mode: DecodeMode) {
    super(info, wire, wireLength(wire), mode);
    this.core = core;
    this.inPieces = true;
  }

  get stream(): ReplyStream<T> {
    return this.#parts;
  }

  /** Takes the part of the reply that has arrived. */
  abstract arrived(reader: PartialReader): void;
  /** The last parts of the reply; null if the reply has the wrong type. */
  protected abstract lastOf(value: Reply): readonly T[] | null;
  /** How much a part counts towards `size`: its bytes, or 1 for an item. */
  protected abstract amount(part: T): number;

  /** Queues the entry. The pool gives the connection no other work until the reply has ended. */
  submit(): void {
    const { core } = this;
    core.streams++;
    core.reserved |= RESERVED.stream;
    core.reception.takeHuge(true);
    core.submit(this);
  }

  protected take(parts: readonly T[], missing: number | null): void {
    const { core } = this;
    if (!this.#parts.begun) {
      // The time limit covers only the start of the reply.
      this.deadline = 0;
      const size = missing === null ? null : parts.reduce((sum, part) => sum + this.amount(part), missing);
      this.#parts.begin(size);
    }
    for (const part of parts) this.#parts.push(part);
    if (this.#parts.bytes <= MOST_UNREAD || core.stalled) return;
    core.stalled = true;
    core.transport?.pause();
  }

  succeed(value: Reply): void {
    const last = value === null && !this.#parts.begun ? [] : this.lastOf(value);
    if (last === null) return this.#finish({ error: this.#unfit(value) });
    if (value !== null) this.take(last, 0);
    this.#finish({});
  }
  refuse(error: Error): void {
    this.#finish({ error });
  }
  fail(error: unknown): void {
    const half = this.#parts.begun && !this.#over;
    this.#finish({ error });
    if (half) this.#close('was given up');
  }

  taken(): void {
    if (!this.#over && this.core.stalled && this.#parts.bytes <= MOST_UNREAD / 2) this.#resume();
  }
  left(): void {
    if (this.#over) return;
    const unsent = this.phase === QUEUED;
    const text = `${this.info.name}: its reply was left before its end`;
    this.core.cancel(this, new RequestAbortedError(text, { maybeExecuted: this.sent }));
    if (!unsent) this.#close('was left before its end');
  }

  #finish(end: { readonly error?: unknown }): void {
    if (this.#over) return;
    const { core } = this;
    this.#over = true;
    this.#parts.end(end);
    if ('error' in end) this.reject(end.error);
    else this.resolve(undefined as never);
    if (core.stalled) this.#resume();
    if (--core.streams > 0) return;
    core.reserved &= ~RESERVED.stream;
    core.reception.takeHuge(false);
    core.observer?.changed();
  }

  #resume(): void {
    const { core } = this;
    core.stalled = false;
    if (!core.inbox.paused) core.transport?.resume();
  }

  #close(what: string): void {
    const { core } = this;
    const { name } = this.info;
    core.close(core.error(ConnectionError, `the streamed reply to ${name} ${what}`, { command: name }));
  }

  #unfit(value: Reply): TypeError {
    const kind = typeof value === 'object' ? 'an aggregate or an error' : `a ${typeof value}`;
    return new TypeError(
      `the reply to ${this.info.name} is ${kind}: stream() is for strings, streamItems() for arrays, sets and maps`,
    );
  }
}

/** Streams a string in chunks of bytes. */
export class ByteStream extends StreamEntry<Buffer> {
  arrived(reader: PartialReader): void {
    const part = reader.takeBytes();
    if (part !== null) this.take([part.content], part.missing);
  }
  protected amount(part: Buffer): number {
    return part.length;
  }
  protected lastOf(value: Reply): readonly Buffer[] | null {
    if (!Buffer.isBuffer(value)) return null;
    return value.length === 0 ? [] : [value];
  }
}

/** Streams an array, set or map item by item. */
export class ItemStream extends StreamEntry<Reply> {
  arrived(reader: PartialReader): void {
    const part = reader.takeItems();
    if (part === null) return;
    if (this.mayHoldErrors) redactInside(part.content, this.core.settings.endpoint, this);
    this.take(part.content, part.missing);
  }
  protected amount(): number {
    return 1;
  }
  protected lastOf(value: Reply): readonly Reply[] | null {
    if (Array.isArray(value)) return value;
    if (value instanceof Map) return [...value.entries()];
    return value instanceof Set ? [...value.values()] : null;
  }
}
