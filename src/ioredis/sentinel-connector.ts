import type { EventEmitter } from 'node:events';
import { CONNECTION_CLOSED } from './errors.ts';
import type { Place } from './link.ts';
import {
  type ConnectorNotice,
  type ListedReplica,
  type PreferredSlaves,
  reached,
  type RedisOptions,
  type SentinelAddress,
} from './redis-options.ts';

/** The methods of a sentinel's client that the connector uses. */
interface SentinelClient extends EventEmitter {
  sentinel(...args: unknown[]): Promise<unknown>;
  subscribe(...channels: string[]): Promise<unknown>;
  disconnect(): void;
}
export type MakeClient = (options: RedisOptions) => unknown;

/** Asks sentinels in turn for the address of the primary or a replica. */
export class SentinelConnector {
  readonly #options: RedisOptions;
  readonly #emitter: EventEmitter & { disconnect(reconnect?: boolean): void };
  readonly #makeClient: MakeClient;
  #sentinels: Partial<SentinelAddress>[];
  #next = 0;
  #active = false;
  #attempts = 0;
  #watchers: SentinelClient[] = [];

  constructor(
    options: RedisOptions,
    emitter: EventEmitter & { disconnect(reconnect?: boolean): void },
    makeClient: MakeClient,
  ) {
    const { sentinels, name } = options;
    if (!sentinels?.length) throw new Error('Requires at least one sentinel to connect to.');
    if (!name) throw new Error('Requires the name of master.');
    this.#options = options;
    this.#emitter = emitter;
    this.#makeClient = makeClient;
    this.#sentinels = sentinels.slice();
  }

  /** Resolves with the first address that a sentinel gives; reports sentinels without one to `notice`. */
  async find(notice: ConnectorNotice): Promise<Place> {
    this.#active = true;
    this.#attempts = 0;
    let last: Error | null = null;
    for (;;) {
      const sentinel = this.#sentinels[this.#next++];
      if (sentinel === undefined) {
        this.#next = 0;
        await this.#pause(last, notice);
        this.#demandActive();
        continue;
      }
      let place: Place | null = null;
      let failure: Error | null = null;
      try {
        place = await this.#ask(sentinel);
      } catch (error) {
        failure = error as Error;
      }
      this.#demandActive();
      if (place !== null) return place;
      const where = `${sentinel.host}:${sentinel.port}`;
      last = failure ?? last;
      const text =
        failure === null
          ? `connected to sentinel ${where} successfully, but got an invalid reply: null`
          : `failed to connect to sentinel ${where} because ${failure.message}`;
      notice('sentinelError', new Error(text));
    }
  }

  #demandActive(): void {
    if (!this.#active) throw new Error(CONNECTION_CLOSED);
  }

  async #pause(last: Error | null, notice: ConnectorNotice): Promise<void> {
    const delay = this.#options.sentinelRetryStrategy?.(++this.#attempts);
    const retried = typeof delay === 'number';
    const outlook = retried ? `Retrying from scratch after ${delay}ms.` : 'and retry is disabled.';
    const text = retried
      ? `All sentinels are unreachable. ${outlook}`
      : `All sentinels are unreachable ${outlook}`;
    const error = new Error(last === null ? text : `${text} Last error: ${last.message}`);
    if (!retried) throw error;
    notice('error', error);
    await new Promise((resolve) => setTimeout(resolve, delay));
  }

  async #ask(sentinel: Partial<SentinelAddress>): Promise<Place | null> {
    const client = this.#client(sentinel, { retryStrategy: null });
    try {
      return this.#options.role === 'slave' ? await this.#replica(client) : await this.#primary(client);
    } finally {
      client.disconnect();
    }
  }

  #client(sentinel: Partial<SentinelAddress>, more: RedisOptions): SentinelClient {
    const { sentinelUsername, sentinelPassword, sentinelTLS, sentinelCommandTimeout } = this.#options;
    const { connectTimeout, protocol, path, family } = this.#options;
    const client = this.#makeClient({
      host: sentinel.host,
      port: sentinel.port || 26379,
      username: sentinelUsername || null,
      password: sentinelPassword || null,
      family: sentinel.family || (path ? undefined : family),
      tls: sentinelTLS,
      enableReadyCheck: false,
      connectTimeout,
      commandTimeout: sentinelCommandTimeout,
      protocol,
      ...more,
    }) as SentinelClient;
    // The calls reject with the same errors.
    client.on('error', () => {});
    return client;
  }

  async #primary(client: SentinelClient): Promise<Place | null> {
    const answer = await client.sentinel('get-master-addr-by-name', this.#options.name);
    await this.#learn(client);
    if (!Array.isArray(answer)) return null;
    return reached({ host: String(answer[0]), port: Number(answer[1]) }, this.#options.natMap);
  }

  async #replica(client: SentinelClient): Promise<Place | null> {
    const answer = await client.sentinel('slaves', this.#options.name);
    if (!Array.isArray(answer)) return null;
    const usable = answer
      .map((entry) => record(entry) as unknown as ListedReplica)
      .filter(({ flags }) => flags && !/disconnected|s_down|o_down/.test(flags));
    const chosen = preferred(usable, this.#options.preferredSlaves);
    if (chosen === null) return null;
    return reached({ host: chosen.ip, port: Number(chosen.port) }, this.#options.natMap);
  }

  /** Adds the sentinels that this one lists. */
  async #learn(client: SentinelClient): Promise<void> {
    if (!this.#options.updateSentinels) return;
    const answer = await client.sentinel('sentinels', this.#options.name);
    if (!Array.isArray(answer)) return;
    for (const entry of answer) {
      const { ip, port, flags = '' } = record(entry);
      if (!ip || !port || flags.includes('disconnected')) continue;
      const address = reached({ host: ip, port: Number(port) }, this.#options.natMap);
      const known = this.#sentinels.some(
        (one) => one.host === address.host && Number(one.port) === address.port,
      );
      if (!known) this.#sentinels.push(address);
    }
  }

  /** False if the server has the wrong role; the next attempt asks another sentinel. */
  check(info: Record<string, string>): boolean {
    return info.role === undefined || info.role === this.#options.role;
  }

  /** With `failoverDetector`: subscribes to failovers at the sentinels, and reconnects when one is announced. */
  watch(): void {
    if (!this.#options.failoverDetector) return;
    this.#unwatch();
    const retryStrategy = this.#options.sentinelReconnectStrategy;
    const some = this.#sentinels.slice(0, this.#options.sentinelMaxConnections ?? 10);
    this.#watchers = some.map((sentinel) => this.#client(sentinel, { lazyConnect: true, retryStrategy }));
    const calls = this.#watchers.map((client) => {
      client.on('reconnecting', () => this.#emitter.emit('sentinelReconnecting'));
      client.on('message', (_channel: string, message: string) => {
        if (message.split(' ', 1)[0] === this.#options.name) this.#emitter.disconnect(true);
      });
      return client.subscribe('+switch-master').catch(() => {});
    });
    void Promise.all(calls).then(() => this.#emitter.emit('failoverSubscribed'));
  }

  #unwatch(): void {
    for (const client of this.#watchers) client.disconnect();
    this.#watchers = [];
  }

  disconnect(): void {
    this.#active = false;
    this.#unwatch();
  }
}

/** Converts `[name, value, …]` to an object; an object stays. */
function record(entry: unknown): Record<string, string> {
  if (!Array.isArray(entry)) return entry as Record<string, string>;
  const fields: Record<string, string> = {};
  for (let at = 1; at < entry.length; at += 2) fields[String(entry[at - 1])] = String(entry[at]);
  return fields;
}

function preferred(usable: ListedReplica[], wanted: PreferredSlaves | undefined): ListedReplica | null {
  if (usable.length === 0) return null;
  const random = (): ListedReplica => usable[Math.floor(Math.random() * usable.length)]!;
  if (typeof wanted === 'function') return wanted(usable) ?? random();
  const list = wanted === undefined || wanted === null ? [] : [wanted].flat();
  const byPriority = list.toSorted((a, b) => (a.prio ?? 1) - (b.prio ?? 1));
  for (const { ip, port } of byPriority) {
    const found = usable.find((one) => one.ip === ip && String(one.port) === String(port));
    if (found !== undefined) return found;
  }
  return random();
}
