import { fullJitter } from '../../base/backoff.ts';
import { type CommandInfo, resolveCommand } from '../../commands/command-info.ts';
import {
  type Acknowledgement,
  nameKey,
  probeMessage,
} from '../../pubsub/subscriptions/subscription-kinds.ts';
import type {
  Placement,
  SubscriptionCommand,
  SubscriptionLink,
} from '../../pubsub/subscriptions/subscription-link.ts';
import type { Subscriptions } from '../../pubsub/subscriptions/subscriptions.ts';
import { encodeCommand } from '../../resp/encoder.ts';
import type { MessageListeners } from '../../resp/decoding/message-reader.ts';
import type { Reply } from '../../resp/types.ts';
import { BYTES, UTF8 } from '../../resp/text-modes.ts';
import type { ConnectionCore } from '../connection-core.ts';
import type { PubsubTaker } from './inbox.ts';
import { effectFor } from '../session/session-effect.ts';
import { SubscriptionEntry } from '../requests/subscription-entry.ts';

export interface PumpSettings {
  readonly placement?: Placement | undefined;
  /** Whether to send a refused command again after a pause. */
  readonly again: (error: Error) => boolean;
  /**
   * About how many names may wait for their acknowledgement at a time, so that resubscribing many thousand names
   * stalls neither the server nor this process. Default: no bound.
   */
  readonly portion?: number | undefined;
  /** Called when the link has ended with its connection. */
  readonly ended: (error: Error) => void;
}

/** Back-off in ms before a refused command or a failed subscriber connection is tried again. */
export const PAUSE = { base: 50, cap: 2_000 };

/**
 * Connects a registry of subscriptions to one connection: writes the commands that the registry's link asks for,
 * and passes on the server's pushes.
 *
 *     link.pending() ─▶ entries ─▶ core     core ─▶ messages, acknowledgements ─▶ link
 */
export class SubscriptionPump implements PubsubTaker {
  readonly #core: ConnectionCore;
  readonly #registry: Subscriptions;
  readonly #settings: PumpSettings;
  /** Called with each message of a health check. */
  onProbe: ((message: string) => void) | null = null;
  #link: SubscriptionLink;
  #writing = false;
  #again = false;
  #refusals = 0;
  /** Number of names sent and not yet acknowledged. */
  #unanswered = 0;
  #pause: NodeJS.Timeout | null = null;

  constructor(core: ConnectionCore, registry: Subscriptions, settings: PumpSettings) {
    this.#core = core;
    this.#registry = registry;
    this.#settings = settings;
    this.#link = this.#attach();
    core.inbox.serve(this);
  }

  get link(): SubscriptionLink {
    return this.#link;
  }

  get listeners(): MessageListeners {
    return this.#link;
  }

  /** Queues the missing commands synchronously, so that they precede anything the caller queues next. */
  work(): void {
    if (this.#pause !== null || this.#link.ended || this.#core.state === 'closed') return;
    this.#again = true;
    if (this.#writing) return;
    this.#writing = true;
    try {
      while (this.#again) {
        this.#again = false;
        const { placement, portion = Number.POSITIVE_INFINITY } = this.#settings;
        if (this.#unanswered >= portion) return;
        for (const command of this.#link.pending(placement, portion - this.#unanswered)) this.#write(command);
      }
    } finally {
      this.#writing = false;
    }
  }

  message(frame: readonly Reply[]): boolean {
    const probe = probeMessage(frame);
    if (probe === null) return this.#link.message(frame);
    this.onProbe?.(probe);
    return true;
  }
  acknowledged(ack: Acknowledgement): boolean {
    if (!this.#link.acknowledged(ack)) return false;
    this.#refusals = 0;
    return true;
  }
  ended(error: Error): void {
    this.stop();
    this.#link.lost(this.#heard(), error);
    this.#settings.ended(error);
  }

  /** RESET ended all subscriptions, but the connection is still open: subscribes again. */
  forgotten(reason: Error): void {
    this.#link.lost(this.#heard(), reason);
    this.#link = this.#attach();
    this.work();
  }

  stop(): void {
    if (this.#pause !== null) clearTimeout(this.#pause);
    this.#pause = null;
  }

  /** All names of the command are acknowledged. */
  finished(command: SubscriptionCommand, fenced: boolean): void {
    this.#answered(command);
    if (fenced) this.#link.finished(command);
  }
  refused(command: SubscriptionCommand, error: Error): void {
    this.#answered(command);
    const again = this.#settings.again(error);
    if (again) this.#wait();
    this.#link.refused(command, error, again);
  }

  #answered({ names }: SubscriptionCommand): void {
    const { portion } = this.#settings;
    this.#unanswered -= names.length;
    // The next portion is sent in another turn of the event loop.
    if (portion !== undefined && !this.#link.ended) setImmediate(() => this.work());
  }

  #attach(): SubscriptionLink {
    const { names } = this.#core.session;
    return this.#registry.attach({ heard: () => this.#heard(), server: names });
  }

  #write(command: SubscriptionCommand): void {
    const info = resolveCommand(command.command, command.names);
    this.#link.sent(command);
    this.#unanswered += command.names.length;
    new PumpEntry(this, info, command, this.#core).submitTo(this.#core);
  }

  #wait(): void {
    if (this.#pause !== null) return;
    const pause = fullJitter(this.#refusals, PAUSE.base, PAUSE.cap);
    this.#refusals++;
    this.#pause = setTimeout(() => {
      this.#pause = null;
      this.work();
    }, pause);
    this.#pause.unref();
  }

  #heard(): number {
    return this.#core.counters.lastByteReceivedAt ?? Date.now();
  }
}

/** A command of the registry. Its acknowledgements reach the link as pushes; the pump handles its refusal and fence. */
class PumpEntry extends SubscriptionEntry {
  readonly #pump: SubscriptionPump;
  readonly #command: SubscriptionCommand;
  readonly #core: ConnectionCore;

  constructor(pump: SubscriptionPump, info: CommandInfo, command: SubscriptionCommand, core: ConnectionCore) {
    super(core, info, encodeCommand(info, command.names, UTF8), BYTES, command.names.map(nameKey));
    this.#pump = pump;
    this.#command = command;
    this.#core = core;
    this.effect = effectFor(info, command.names);
    this.leaseId = core.leaseId;
  }

  succeed(): void {
    this.#pump.finished(this.#command, this.fence !== null);
  }
  refuse(error: Error): void {
    this.#pump.refused(this.#command, error);
  }
  fail(error: unknown): void {
    // If the connection has closed, `ended` tells the link.
    if (this.#core.state !== 'closed') this.#pump.refused(this.#command, error as Error);
  }
}

/** The subscription of a health check; the registry does not know about it. */
export class ProbeSubscription extends SubscriptionEntry {
  readonly acknowledged: Promise<void>;
  #resolve!: () => void;
  #reject!: (error: unknown) => void;

  constructor(core: ConnectionCore, command: 'SUBSCRIBE' | 'SSUBSCRIBE', channel: string) {
    const info = resolveCommand(command, [channel]);
    super(core, info, encodeCommand(info, [channel], UTF8), BYTES, [nameKey(Buffer.from(channel))]);
    this.effect = effectFor(info, [channel]);
    this.leaseId = core.leaseId;
    this.acknowledged = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }
  succeed(): void {
    this.#resolve();
  }
  refuse(error: Error): void {
    this.#reject(error);
  }
  fail(error: unknown): void {
    this.#reject(error);
  }
}
