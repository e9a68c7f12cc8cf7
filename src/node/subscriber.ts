import { fullJitter } from '../base/backoff.ts';
import { type BaseConnection, coreOf } from '../connection/base-connection.ts';
import { unsilence } from '../connection/requests/call.ts';
import { authenticate } from '../connection/opening/handshake.ts';
import { PAUSE, SubscriptionPump } from '../connection/reading/subscription-pump.ts';
import { ConnectionError } from '../errors/errors.ts';
import type { Credentials } from '../interfaces/credential-provider.ts';
import type { AddressDials, DialCandidate, DialPermit } from '../pooling/dial-governor.ts';
import type { Placement, SubscriptionLink } from '../pubsub/subscriptions/subscription-link.ts';
import type { Subscriptions } from '../pubsub/subscriptions/subscriptions.ts';
import type { ConnectionNode } from './connection-node.ts';
import type { PeerWatch } from './peer-watch.ts';
import { setRef } from './pooled-connection.ts';

/** What a subscriber is told, and tells, about the names it serves. */
export interface SubscriberHome {
  readonly registry: Subscriptions;
  readonly placement: Placement;
  /** Some name of this node is heard by nobody, and somebody wants to hear it. */
  wanted(): boolean;
  /** Whether what the server refused is to be tried again. */
  again(error: Error): boolean;
  /** The connection was lost or refused something. */
  failed(error: Error): void;
  /** From now on there is a link to the node. */
  attached(link: SubscriptionLink): void;
  /** No connection could be made; `final`: trying again would not mend it. */
  unreachable(error: unknown, final: boolean): void;
}

interface Line<C> {
  readonly connection: C;
  readonly pump: SubscriptionPump;
  readonly watch: PeerWatch | null;
  /** It is ended by this side, because nothing is subscribed on it. */
  leaving: boolean;
}

/**
 * The connection on which one registry hears one node: made when something is wanted there, made again as long as
 * something is, ended when nothing is any more.
 */
export class Subscriber<C extends BaseConnection> implements DialCandidate {
  readonly node: ConnectionNode<C>;
  readonly #home: SubscriberHome;
  readonly #dials: AddressDials;
  #line: Line<C> | null = null;
  #dialling: AbortController | null = null;
  /** The last dial; it never rejects. */
  #dialled: Promise<void> = Promise.resolve();
  /** Connections in a row that were lost before anything was acknowledged. */
  #useless = 0;
  #pause: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(node: ConnectionNode<C>, home: SubscriberHome) {
    this.node = node;
    this.#home = home;
    this.#dials = node.governor.attach(node.address);
  }

  get open(): boolean {
    return this.#line !== null;
  }
  /** Neither a connection nor one under way. */
  get idle(): boolean {
    return this.#line === null && this.#dialling === null && !this.#home.wanted();
  }
  get unref(): boolean {
    return this.node.unreferenced;
  }
  get lastError(): unknown {
    return this.node.pool.lastError;
  }

  /** Brings the server's set nearer to the wanted one. May be called often. */
  work(): void {
    const line = this.#line;
    if (line !== null) {
      line.pump.work();
      if (line.pump.link.ended || !line.pump.link.empty || this.#home.wanted()) return;
      line.leaving = true;
      line.connection.invalidate('nothing is subscribed any more');
    } else if (this.#home.wanted()) this.#dial();
    else this.#dials.withdraw(this);
  }

  /** Every name may belong elsewhere now. */
  review(): void {
    if (this.#line !== null) this.#home.registry.review(this.#line.pump.link);
  }

  /** The socket is not read while channels are full. */
  setFull(full: boolean): void {
    if (this.#line !== null) coreOf(this.#line.connection).inbox.setFull(full, true);
  }

  dialsAllowed(): void {
    if (!this.#closed) this.work();
  }

  disconnect(reason: string): void {
    this.#line?.connection.invalidate(reason);
  }

  setRef(on: boolean): void {
    if (this.#line !== null) setRef(this.#line.connection, on);
    this.#dials.rearm();
  }

  /** As the new user from now on; where that is not possible, on a new connection. */
  async authenticate(credentials: () => Promise<Credentials | null>): Promise<void> {
    const line = this.#line;
    if (line === null) return;
    const core = coreOf(line.connection);
    try {
      if (core.session.resp === 2) throw new ConnectionError('a subscribed RESP2 connection takes no AUTH');
      await authenticate(core, await credentials(), null);
    } catch {
      line.connection.invalidate('it could not be authenticated again');
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#pause !== null) clearTimeout(this.#pause);
    this.#dials.detach(this);
    this.#dialling?.abort(new ConnectionError('the subscriber was closed'));
    const connection = this.#line?.connection;
    connection?.invalidate('closed');
    await Promise.all([connection?.waitClosed(), this.#dialled]);
  }

  #dial(): void {
    if (this.#closed || this.#dialling !== null || this.#pause !== null) return;
    const permit = this.#dials.tryStart(this);
    if (permit === null) return;
    const controller = new AbortController();
    this.#dialling = controller;
    this.#dialled = this.#open(controller, permit);
  }

  async #open(controller: AbortController, permit: DialPermit): Promise<void> {
    let connection: C;
    try {
      connection = await this.node.extra(controller.signal);
    } catch (error) {
      this.#dialling = null;
      if (this.#closed) return permit.abandoned();
      this.node.pool.lastError = error;
      this.#home.unreachable(error, !this.node.transient(error));
      permit.failed(error);
      return this.work();
    }
    this.#dialling = null;
    if (this.#closed) {
      connection.invalidate('closed');
      return permit.abandoned();
    }
    this.node.pool.lastError = null;
    permit.succeeded();
    this.#attach(connection);
  }

  #attach(connection: C): void {
    const core = coreOf(connection);
    if (core.state === 'closed') return this.#ended(core.failure as Error, false);
    // Silence is what a subscriber mostly hears; a dead peer is found by asking.
    core.idleWatch?.stop();
    core.idleWatch = null;
    if (core.muted) unsilence(core);
    const { registry, placement } = this.#home;
    const pump = new SubscriptionPump(core, registry, {
      placement,
      again: (error) => this.#home.again(error),
      ended: (error) => this.#lost(line, error),
    });
    const line: Line<C> = { connection, pump, watch: this.node.watchPeer(connection), leaving: false };
    this.#line = line;
    this.#home.attached(pump.link);
    if (registry.paused) this.setFull(true);
    this.work();
  }

  #lost(line: Line<C>, error: Error): void {
    line.watch?.stop();
    this.#line = null;
    if (line.leaving) return this.#closed ? undefined : this.work();
    this.#ended(error, line.pump.link.useful);
  }

  #ended(error: Error, useful: boolean): void {
    if (this.#closed) return;
    this.#home.failed(error);
    this.#useless = useful ? 0 : this.#useless + 1;
    if (this.#useless === 0) return this.work();
    // A server that takes connections and drops them: nobody is to storm it.
    const pause = fullJitter(this.#useless - 1, PAUSE.base, PAUSE.cap);
    this.#pause = setTimeout(() => {
      this.#pause = null;
      this.work();
    }, pause);
    if (this.unref) this.#pause.unref();
  }
}
