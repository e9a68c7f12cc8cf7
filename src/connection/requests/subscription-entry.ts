import { randomBytes } from 'node:crypto';
import { type CommandInfo, resolveCommand } from '../../commands/command-info.ts';
import { AskError, ClusterDownError, ProtocolError } from '../../errors/errors.ts';
import { type Acknowledgement, pubsubAction } from '../../pubsub/subscriptions/subscription-kinds.ts';
import type { PubsubAction } from '../../pubsub/subscriptions/subscription-kinds.ts';
import { encodeCommand, type Wire, wireLength } from '../../resp/encoder.ts';
import type { Reply } from '../../resp/types.ts';
import { BYTES, type DecodeMode, UTF8 } from '../../resp/text-modes.ts';
import type { ConnectionCore } from '../connection-core.ts';
import { Entry, type PushMatch } from './entry.ts';

/** Which command a reply at the place of a fenced command belongs to. */
export type FencedReply = 'own refusal' | 'of the fence' | 'unclear';

const NONCE = `respool:fence:${randomBytes(6).toString('hex')}:`;
let fences = 0;

/**
 * A command of the SUBSCRIBE family. One push per name, in the order of the names, frees its place. Without names it
 * unsubscribes from everything, and is done when no name of its kind is left.
 *
 * SUNSUBSCRIBE is fenced. A server that gives a slot away sends `sunsubscribe` unasked and then answers the command in
 * progress with `MOVED`: the push looks like its acknowledgement, and the error like the reply to the next request. So
 * an ECHO of a nonce follows the command directly, and only a reply frees its place.
 */
export abstract class SubscriptionEntry extends Entry {
  readonly fence: Fence | null;
  readonly #action: PubsubAction;
  readonly #names: readonly string[];
  #acknowledged = 0;

  /** `names` are latin1 text, one character per byte. */
  constructor(
    core: ConnectionCore,
    info: CommandInfo,
    wire: Wire,
    mode: DecodeMode,
    names: readonly string[],
  ) {
    super(info, wire, wireLength(wire), mode);
    this.byPush = true;
    this.#action = pubsubAction(info.name) as PubsubAction;
    this.#names = names;
    const { kind, subscribe } = this.#action;
    this.fence = kind === 'shard' && !subscribe ? new Fence(core) : null;
  }

  override acknowledge({ kind, subscribe, key }: Acknowledgement, left: number): PushMatch {
    if (kind !== this.#action.kind || subscribe !== this.#action.subscribe) return 'other';
    if (this.fence !== null) return this.#acknowledgeFenced(key);
    if (this.#names.length === 0) return key === null || left === 0 ? 'done' : 'part';
    if (key !== this.#names[this.#acknowledged]) return 'other';
    this.#acknowledged++;
    return this.#acknowledged === this.#names.length ? 'done' : 'part';
  }

  /** Queues the command, and its fence directly behind it. */
  submitTo(core: ConnectionCore): void {
    core.submit(this);
    if (this.fence !== null) core.submit(this.fence);
  }

  /** Tells whether a reply answers the command or its fence; called only for fenced commands. */
  ownerOf(value: Reply, refused: boolean): FencedReply {
    const fence = this.fence as Fence;
    if (!refused) return fence.isAnswer(value) ? 'of the fence' : 'unclear';
    const error = value as Error & { code?: string };
    if (fence.isRefusal(error)) return 'of the fence';
    // A server that had executed the command would have acknowledged every name.
    if (this.#acknowledged < this.#names.length) return 'own refusal';
    // Only the command itself, not the fence, can get these errors.
    const own = error instanceof AskError || error instanceof ClusterDownError || error.code === 'NOSUB';
    return own ? 'own refusal' : 'unclear';
  }

  #acknowledgeFenced(key: string | null): PushMatch {
    if (this.#names.length === 0) return 'part';
    if (key === null || !this.#names.includes(key)) return 'other';
    if (key === this.#names[this.#acknowledged]) this.#acknowledged++;
    return 'part';
  }
}

/** `ECHO nonce`: every reply before the nonce belongs to the command before the fence. */
export class Fence extends Entry {
  readonly #core: ConnectionCore;
  readonly #nonce: string;

  constructor(core: ConnectionCore) {
    // A subscribed RESP2 connection accepts PING but not ECHO.
    const command = core.session.resp === 2 ? 'PING' : 'ECHO';
    const nonce = `${NONCE}${fences++}`;
    const info = resolveCommand(command, [nonce]);
    const wire = encodeCommand(info, [nonce], UTF8);
    super(info, wire, wireLength(wire), BYTES);
    this.#core = core;
    this.#nonce = nonce;
    // The fence is no request of a caller and is not counted as one.
    this.streamed = true;
    this.leaseId = core.leaseId;
  }

  isAnswer(value: Reply): boolean {
    // On a subscribed RESP2 connection the reply to PING is `['pong', nonce]`.
    const text = Array.isArray(value) && value.length === 2 ? value[1] : value;
    return (typeof text === 'string' || Buffer.isBuffer(text)) && String(text) === this.#nonce;
  }
  /** Whether an error refuses the fence: it quotes the command's name, e.g. for lack of permission. */
  isRefusal({ message }: Error): boolean {
    return message.toLowerCase().includes(`'${this.info.name.toLowerCase()}'`);
  }

  succeed(value: Reply): void {
    if (this.isAnswer(value)) return;
    const text = 'replies cannot be matched to their requests any more';
    this.#core.close(this.#core.error(ProtocolError, text));
  }
  refuse(): void {}
  fail(): void {}
}
