import type { CapacityLimiter } from '../pooling/capacity-limiter.ts';
import { ASCII, LATIN1, type DecodeMode, type Reply } from '../resp/types.ts';
import type { ConnectionCore } from './connection-core.ts';
import type { Entry } from './entry.ts';
import { MessageBuffer, weigh } from './message-buffer.ts';
import type { SessionState } from './session-state.ts';

/** The bytes behind a string of a push, whatever the connection decoded it to. */
export function bytesOf(value: Reply | undefined, mode: DecodeMode): Buffer | null {
  if (typeof value === 'string')
    return Buffer.from(value, mode === LATIN1 || mode === ASCII ? 'latin1' : 'utf8');
  return Buffer.isBuffer(value) ? value : null;
}

const FAMILY = new Set([
  'subscribe',
  'unsubscribe',
  'psubscribe',
  'punsubscribe',
  'ssubscribe',
  'sunsubscribe',
]);
const MESSAGES = new Set(['message', 'pmessage', 'smessage']);

function subscriptionsOf(session: SessionState, kind: string): Set<string> {
  if (kind.startsWith('p')) return session.patterns;
  return kind.startsWith('ss') || kind.startsWith('sun') ? session.shardChannels : session.channels;
}

/**
 * What arrives unasked: pushes, and replies that belong to no request. Acknowledgements of the SUBSCRIBE
 * family change the session and free their places at once; the messages themselves go to the consumer that
 * wants them, else to the buffers behind `pushMessages` and `streamedMessages`, which are bounded.
 */
export class Inbox {
  readonly pushes = new MessageBuffer<Reply[]>();
  readonly streamed = new MessageBuffer<Reply>();
  /** Takes a push before anybody else; false: not mine. */
  consumer: ((kind: string, frame: Reply[]) => boolean) | null = null;
  limiter: CapacityLimiter | null = null;
  paused = false;
  readonly #core: ConnectionCore;
  #held: (() => void)[] = [];
  #heldBytes = 0;
  /** Ends the wait for a token when the connection ends. */
  #waiting: AbortController | null = null;

  constructor(core: ConnectionCore) {
    this.#core = core;
    this.pushes.onTaken = () => this.#taken();
    this.streamed.onTaken = () => this.#taken();
  }

  get empty(): boolean {
    return this.pushes.length === 0 && this.streamed.length === 0 && this.#held.length === 0;
  }

  push(frame: Reply[], head: Entry | undefined): void {
    const first = frame[0];
    const kind = typeof first === 'string' ? first : Buffer.isBuffer(first) ? first.toString('latin1') : '';
    if (FAMILY.has(kind) && this.#acknowledge(kind, frame, head)) return;
    if (this.limiter !== null) this.#throttle(frame, () => this.#deliverPush(kind, frame));
    else this.#deliverPush(kind, frame);
  }

  /** A line of MONITOR. */
  monitored(value: Reply): void {
    if (this.limiter !== null) this.#throttle(value, () => this.stream(value));
    else this.stream(value);
  }

  /** The answer to a command that nobody waits for. */
  stream(value: Reply): void {
    this.streamed.push(value);
    this.#bound();
  }

  /** On RESP2 pub/sub comes as ordinary arrays. */
  takesAsPush(value: Reply, head: Entry | undefined): boolean {
    if (!Array.isArray(value)) return false;
    const first = value[0];
    const kind = typeof first === 'string' ? first : Buffer.isBuffer(first) ? first.toString('latin1') : '';
    const expected = FAMILY.has(kind) ? head?.byPush === true || this.#core.session.subscribed > 0 : false;
    if (!expected && !(MESSAGES.has(kind) && this.#core.session.subscribed > 0)) return false;
    this.push(value, head);
    return true;
  }

  end(error: Error, discard: boolean): void {
    if (discard) this.#held = [];
    this.#waiting?.abort(error);
    this.#deliverHeld();
    this.pushes.end(error, discard);
    this.streamed.end(error, discard);
  }

  /** A paused socket would hold back replies as well. */
  resumeForReplies(): void {
    this.paused = false;
    this.#core.transport?.resume();
  }

  /** Answers whether the frame is used up: it was the acknowledgement somebody waited for. */
  #acknowledge(kind: string, frame: Reply[], head: Entry | undefined): boolean {
    const names = subscriptionsOf(this.#core.session, kind);
    const name = bytesOf(frame[1], this.#core.settings.ownMode)?.toString('latin1') ?? null;
    if (name !== null) {
      if (kind.includes('unsub')) names.delete(name);
      else names.add(name);
    }
    if (head?.byPush !== true) return false;
    const used = head.acknowledge(kind, name, frame, names);
    if (used === 'done') this.#core.acknowledged(head, frame);
    return used !== 'other' && !head.streamed;
  }

  #throttle(message: Reply, deliver: () => void): void {
    const limiter = this.limiter as CapacityLimiter;
    if (this.#held.length === 0 && limiter.available > 0) {
      deliver();
      return;
    }
    this.#held.push(deliver);
    this.#heldBytes += weigh(message);
    if (this.#held.length === 1) void this.#release(limiter);
    this.#bound();
  }

  async #release(limiter: CapacityLimiter): Promise<void> {
    this.#waiting = new AbortController();
    const { signal } = this.#waiting;
    try {
      await limiter.acquire({ signal });
    } catch {
      // It will give no token any more, or the connection has ended: nothing is kept from its reader.
      if (!signal.aborted) this.#deliverHeld();
      return;
    }
    try {
      this.#deliverHeld();
    } finally {
      limiter.release();
      this.#taken();
    }
  }

  #deliverHeld(): void {
    this.#heldBytes = 0;
    for (const deliver of this.#held.splice(0)) deliver();
  }

  #deliverPush(kind: string, frame: Reply[]): void {
    if (this.consumer?.(kind, frame) === true) return;
    this.pushes.push(frame);
    this.#bound();
  }

  get #bytes(): number {
    return this.pushes.bytes + this.streamed.bytes + this.#heldBytes;
  }

  #bound(): void {
    const core = this.#core;
    const limit = core.settings.maxBufferedBytes;
    while (this.#bytes > limit && !this.pushes.everRead && this.pushes.length > 0) {
      this.pushes.dropOldest();
      core.counters.messagesDropped++;
    }
    if (this.#bytes <= limit || this.paused || core.state === 'closed') return;
    if (core.outstanding > 0) core.overflowed('messages');
    else {
      this.paused = true;
      core.transport?.pause();
    }
  }

  #taken(): void {
    if (!this.paused || this.#bytes * 2 > this.#core.settings.maxBufferedBytes) return;
    this.paused = false;
    this.#core.transport?.resume();
  }
}
