import { type BaseConnection, coreOf } from '../connection/base-connection.ts';
import { unsilence } from '../connection/requests/call.ts';
import { authenticate } from '../connection/opening/handshake.ts';
import { SubscriptionPump } from '../connection/reading/subscription-pump.ts';
import { ConnectionError } from '../errors/errors.ts';
import type { Credentials } from '../interfaces/credential-provider.ts';
import type { Placement, SubscriptionLink } from '../pubsub/subscriptions/subscription-link.ts';
import type { Subscriptions } from '../pubsub/subscriptions/subscriptions.ts';
import type { ConnectionNode } from './connection-node.ts';
import { DeliveryProbe } from './delivery-probe.ts';
import type { ServiceConnection } from './service-connection.ts';

/** The names that a subscriber serves, and those who want them. */
export interface SubscriberOwner {
  readonly registry: Subscriptions;
  readonly placement: Placement;
  /** A wanted name of this node has no live subscription. */
  wanted(): boolean;
  /** Whether what the server refused is to be tried again. */
  again(error: Error): boolean;
  /** The connection was lost or refused something. */
  failed(error: Error): void;
  /** Publishes a probe as a caller's message. */
  publish(command: string, channel: string, message: string, timeout: number): Promise<unknown>;
  /** From now on there is a link to the node. */
  attached(link: SubscriptionLink): void;
  /** No connection could be made; `final`: trying again would not mend it. */
  unreachable(error: unknown, final: boolean): void;
}

/** Names that are subscribed at a time. */
const PORTION = 1_024;

/**
 * The connection on which one registry hears one node: made when something is wanted there, made again as long as
 * something is, ended when nothing is any more.
 */
export class Subscriber {
  readonly node: ConnectionNode;
  readonly #owner: SubscriberOwner;
  readonly #service: ServiceConnection;
  #pump: SubscriptionPump | null = null;
  #probe: DeliveryProbe | null = null;
  /** Its loss says that something is wrong only if it was not ended on purpose. */
  #closed = false;

  constructor(node: ConnectionNode, owner: SubscriberOwner) {
    this.node = node;
    this.#owner = owner;
    this.#service = node.service({
      dial: (signal) => node.extra(signal),
      wanted: () => owner.wanted(),
      up: (connection) => this.#attach(connection),
      failed: (error) => owner.unreachable(error, !node.transient(error)),
      lost: (error) => this.#lost(error),
      useful: () => this.#pump?.link.useful === true,
    });
  }

  get open(): boolean {
    return this.#service.state === 'up';
  }
  get connecting(): boolean {
    return this.#service.state === 'dialling';
  }
  /** Neither a connection nor one under way. */
  get idle(): boolean {
    const { state } = this.#service;
    return state !== 'up' && state !== 'dialling' && !this.#owner.wanted();
  }
  get lastError(): unknown {
    return this.node.pool.lastError;
  }

  /** Brings the server's set nearer to the wanted one. May be called often. */
  work(): void {
    const pump = this.open ? this.#pump : null;
    if (pump !== null) {
      pump.work();
      if (pump.link.ended || !pump.link.empty || this.#owner.wanted()) return;
      this.#service.drop('nothing is subscribed any more');
    } else if (this.#owner.wanted()) this.#service.start();
    else if (!this.connecting) this.#service.drop('nothing is to be subscribed');
  }

  /** Every name may belong elsewhere now. */
  review(): void {
    if (this.#pump !== null) this.#owner.registry.review(this.#pump.link);
  }

  /** The socket is not read while channels are full. */
  setFull(full: boolean): void {
    const { connection } = this.#service;
    if (connection !== null) coreOf(connection).inbox.setFull(full, true);
  }

  disconnect(reason: string): void {
    this.#service.connection?.invalidate(reason);
  }

  setRef(): void {
    this.#service.refresh();
  }

  /** As the new user from now on; where that is not possible, on a new connection. */
  async authenticate(credentials: () => Promise<Credentials | null>): Promise<void> {
    const { connection } = this.#service;
    if (connection === null) return;
    const core = coreOf(connection);
    try {
      if (core.session.resp === 2) throw new ConnectionError('a subscribed RESP2 connection takes no AUTH');
      await authenticate(core, await credentials(), null);
    } catch {
      connection.invalidate('it could not be authenticated again');
    }
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#probe?.stop();
    return this.#service.close();
  }

  #attach(connection: BaseConnection): void {
    const core = coreOf(connection);
    // Silence is what a subscriber mostly hears; a dead peer is found by asking.
    core.idleWatch?.stop();
    core.idleWatch = null;
    if (core.muted) unsilence(core);
    const { registry, placement } = this.#owner;
    const pump = new SubscriptionPump(core, registry, {
      placement,
      portion: PORTION,
      again: (error) => this.#owner.again(error),
      ended: () => {},
    });
    this.#pump = pump;
    const { verifyDelivery: interval } = this.node;
    if (interval !== null) {
      this.#probe = new DeliveryProbe(connection, pump, {
        interval,
        publish: (...probe) => this.#owner.publish(...probe),
        silent: () =>
          connection.invalidate(`a probe of verifyDelivery did not come back within ${interval} ms`),
      });
    }
    this.#owner.attached(pump.link);
    if (registry.paused) this.setFull(true);
    this.work();
  }

  #lost(error: Error): void {
    this.#pump = null;
    this.#probe?.stop();
    this.#probe = null;
    if (!this.#closed) this.#owner.failed(error);
  }
}
