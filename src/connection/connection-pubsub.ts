import { Deadline } from '../base/deadline.ts';
import { keySlot } from '../commands/key-slot.ts';
import { ConnectionError } from '../errors/errors.ts';
import { Channel } from '../pubsub/channels/channel.ts';
import { ChannelView } from '../pubsub/channels/channel-view.ts';
import { readPubsubCommand, type SubscriptionTarget } from '../pubsub/pubsub-command.ts';
import { settleCalls } from '../pubsub/subscriptions/pubsub-call.ts';
import { commandName, KINDS, type SubscriptionAck } from '../pubsub/subscriptions/subscription-kinds.ts';
import { Subscriptions } from '../pubsub/subscriptions/subscriptions.ts';
import { type TextEncoding, type TextMode, UTF8 } from '../resp/text-modes.ts';
import type { ConnectionCore } from './connection-core.ts';
import { SubscriptionPump } from './reading/subscription-pump.ts';

/** The empty view of a connection that never subscribed. */
export const NO_CHANNELS = new ChannelView([], UTF8);

/** The subscriptions of one connection. They end with it and are never restored. */
export class ConnectionPubsub {
  readonly registry: Subscriptions;
  readonly #core: ConnectionCore;
  readonly #pump: SubscriptionPump;

  /** `encoding` decodes the messages of channels given by name; `text` encodes the names themselves. */
  constructor(core: ConnectionCore, encoding: TextEncoding | null, text: TextMode) {
    this.#core = core;
    this.registry = new Subscriptions({
      makeChannel: (kind, name) => new Channel(name, { isPattern: kind === 'pattern', encoding }),
      textMode: text,
      onWork: () => this.#pump?.work(),
      onPause: (paused) => core.inbox.setFull(paused, false),
    });
    this.#pump = new SubscriptionPump(core, this.registry, {
      // The server may be a cluster node, which accepts only shard channels of one slot in one command.
      placement: { here: () => true, group: (kind, name) => (kind === 'shard' ? keySlot(name) : 0) },
      again: () => false,
      ended: (error) => this.registry.close(error, error),
    });
    core.session.onReset = () => this.#reset();
  }

  async execute(
    command: string,
    targets: readonly SubscriptionTarget[],
    timeout: number | null,
  ): Promise<SubscriptionAck[]> {
    const { kind, subscribe } = readPubsubCommand(command, targets);
    const core = this.#core;
    if (core.session.monitoring) {
      throw new TypeError('MONITOR is on: this connection takes no further commands');
    }
    if (core.muted) {
      throw new TypeError(
        'a noreply connection receives no acknowledgements: subscribe on another connection',
      );
    }
    if (core.session.inTransaction) {
      throw new TypeError(`${command} is not possible inside MULTI: EXEC answers every command`);
    }
    const { registry } = this;
    const all = subscribe || targets.length > 0 ? targets : registry.names(kind);
    const call = subscribe ? registry.want(kind, all) : registry.unwant(kind, all);
    const [acks = []] = await settleCalls([call], new Deadline(null, timeout), {
      command: commandName(kind, subscribe),
      endpoint: core.settings.endpoint,
    });
    return acks;
  }

  #reset(): void {
    for (const kind of KINDS) this.registry.unwant(kind, this.registry.names(kind));
    this.#pump.forgotten(this.#core.error(ConnectionError, 'RESET ended its subscriptions'));
  }
}
