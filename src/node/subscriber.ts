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

/** The pool's side of a subscriber: the wanted names, and the callbacks for its state. */
export interface SubscriberOwner {
  readonly registry: Subscriptions;
  readonly placement: Placement;
  /** Whether a name that this node should serve has no live subscription yet. */
  wanted(): boolean;
  /** Whether to retry a subscription that the server refused with this error. */
  again(error: Error): boolean;
  /** The connection was lost, or the server refused a subscription. */
  failed(error: Error): void;
  /** Publishes a probe message the way a caller would. */
  publish(command: string, channel: string, message: string, timeout: number): Promise<unknown>;
  /** The subscriber connected, and `link` serves the node's names. */
  attached(link: SubscriptionLink): void;
  /** A dial failed. `final`: another dial would fail as well. */
  unreachable(error: unknown, final: boolean): void;
}

/** Number of names that may wait for an acknowledgement at a time. */
const PORTION = 1_024;

/**
 * The connection that receives one node's messages for one registry. It is dialled while a name is wanted there, and
 * closed when none is.
 */
export class Subscriber {
  readonly node: ConnectionNode;
  readonly #owner: SubscriberOwner;
  readonly #service: ServiceConnection;
  #pump: SubscriptionPump | null = null;
  #probe: DeliveryProbe | null = null;
  /** `close()` was called, so the loss of the connection is no failure. */
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
  /** True if there is no connection, no dial in progress and no name to subscribe to. */
  get idle(): boolean {
    const { state } = this.#service;
    return state !== 'up' && state !== 'dialling' && !this.#owner.wanted();
  }
  get lastError(): unknown {
    return this.node.pool.lastError;
  }

  /** Sends the missing (UN)SUBSCRIBE commands, dials if needed, or drops an unneeded connection. Cheap to repeat. */
  work(): void {
    const pump = this.open ? this.#pump : null;
    if (pump !== null) {
      pump.work();
      if (pump.link.ended || !pump.link.empty || this.#owner.wanted()) return;
      this.#service.drop('nothing is subscribed any more');
    } else if (this.#owner.wanted()) this.#service.start();
    else if (!this.connecting) this.#service.drop('nothing is to be subscribed');
  }

  /** Checks every name again after the layout changed: another node may serve it now. */
  review(): void {
    if (this.#pump !== null) this.#owner.registry.review(this.#pump.link);
  }

  /** Stops or resumes reading the socket; it is stopped while channels are full. */
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

  /** Authenticates with the new credentials, or drops the connection if that fails, so that a new one is dialled. */
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
    // Subscribers are silent most of the time: the peer watch finds dead servers with PING instead.
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
