import { randomBytes } from 'node:crypto';
import { keySlot } from '../commands/key-slot.ts';
import { type BaseConnection, coreOf } from '../connection/base-connection.ts';
import { ProbeSubscription, type SubscriptionPump } from '../connection/reading/subscription-pump.ts';
import { PROBE_PREFIX } from '../pubsub/subscriptions/subscription-kinds.ts';

export interface DeliveryProbeSettings {
  readonly interval: number;
  /** Publishes as a caller would: the pool routes it and picks the connection. */
  publish(
    command: 'PUBLISH' | 'SPUBLISH',
    channel: string,
    message: string,
    timeout: number,
  ): Promise<unknown>;
  /** Called when a probe message did not arrive in time. */
  silent(): void;
}

/**
 * Verifies that published messages arrive on one subscriber connection: a node replaced behind a live socket answers
 * PING but delivers nothing. Probes use a channel of their own, hidden from users.
 */
export class DeliveryProbe {
  readonly #connection: BaseConnection;
  readonly #pump: SubscriptionPump;
  readonly #settings: DeliveryProbeSettings;
  readonly #id = randomBytes(9).toString('base64url');
  readonly #timer: NodeJS.Timeout;
  #running = false;
  #stopped = false;
  #round = 0;
  /** The probe message in flight, and its callback. */
  #expected: { readonly message: string; readonly arrived: () => void } | null = null;

  constructor(connection: BaseConnection, pump: SubscriptionPump, settings: DeliveryProbeSettings) {
    this.#connection = connection;
    this.#pump = pump;
    this.#settings = settings;
    pump.onProbe = (message) => {
      if (this.#expected?.message === message) this.#expected.arrived();
    };
    this.#timer = setInterval(() => void this.#verify(), settings.interval).unref();
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
  }

  async #verify(): Promise<void> {
    if (this.#running || this.#held) return;
    this.#running = true;
    try {
      const shards: Buffer[] = [];
      let plain = false;
      for (const { kind, name } of this.#pump.link.subscribed()) {
        if (kind === 'shard') shards.push(name);
        else plain = true;
      }
      this.#round++;
      if (plain) await this.#send('SUBSCRIBE', 'PUBLISH', `${PROBE_PREFIX}${this.#id}`);
      const shard = shards[this.#round % shards.length];
      const tag = shard === undefined ? null : tagOf(shard);
      if (tag !== null) await this.#send('SSUBSCRIBE', 'SPUBLISH', `${PROBE_PREFIX}${this.#id}:{${tag}}`);
    } catch {
      // A probe that could not be sent says nothing about delivery.
    } finally {
      this.#running = false;
    }
  }

  /** True while no probe can arrive: stopped, not connected, or not reading because channels are full. */
  get #held(): boolean {
    const { inbox, state } = coreOf(this.#connection);
    return this.#stopped || state !== 'ready' || inbox.full || inbox.paused;
  }

  async #send(
    subscribe: 'SUBSCRIBE' | 'SSUBSCRIBE',
    publish: 'PUBLISH' | 'SPUBLISH',
    channel: string,
  ): Promise<void> {
    const { interval } = this.#settings;
    const core = coreOf(this.#connection);
    const key = Buffer.from(channel).toString('latin1');
    if (!core.session.names.has(subscribe === 'SUBSCRIBE' ? 'channel' : 'shard', key)) {
      const entry = new ProbeSubscription(core, subscribe, channel);
      entry.submitTo(core);
      await entry.acknowledged;
    }
    const message = `${this.#id}:${this.#round}`;
    let timer: NodeJS.Timeout | undefined;
    let here = false;
    const arrival = new Promise<void>((resolve) => {
      const arrived = (): void => {
        here = true;
        resolve();
      };
      this.#expected = { message, arrived };
    });
    try {
      await this.#settings.publish(publish, channel, message, interval);
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, interval).unref();
      });
      await Promise.race([arrival, late]);
    } finally {
      clearTimeout(timer);
      this.#expected = null;
    }
    if (!here && !this.#held) this.#settings.silent();
  }
}

/** A hash tag with the same slot as the name; null if the name itself cannot serve as one. */
function tagOf(name: Buffer): string | null {
  const text = name.toString();
  const tag = /^[^{]*\{([^}]+)\}/.exec(text)?.[1] ?? text;
  return keySlot(`{${tag}}`) === keySlot(name) ? tag : null;
}
