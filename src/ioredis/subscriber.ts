import type { EventEmitter } from 'node:events';
import { ChannelClosedError } from '../errors/errors.ts';
import { AbstractChannel } from '../interfaces/abstract-channel.ts';
import type { AbstractConnection } from '../interfaces/abstract-connection.ts';
import type { RedisValue, Reply } from '../resp/types.ts';

type Kind = 'subscribe' | 'psubscribe' | 'ssubscribe';
const KINDS: readonly Kind[] = ['subscribe', 'psubscribe', 'ssubscribe'];

/** A channel that passes the messages of one name directly to listeners. */
class Ear extends AbstractChannel {
  readonly #name: Buffer;
  readonly #hear: (data: Buffer | readonly [Buffer, Buffer]) => void;
  readonly isPattern: boolean;
  isActive = true;
  onClose: (() => void) | null = null;

  constructor(name: Buffer, isPattern: boolean, hear: (data: Buffer | readonly [Buffer, Buffer]) => void) {
    super();
    this.#name = name;
    this.isPattern = isPattern;
    this.#hear = hear;
  }
  get name(): Buffer {
    return this.#name;
  }
  putNowait(data: Buffer | readonly [Buffer, Buffer]): void {
    this.#hear(data);
  }
  async get(): Promise<never> {
    throw new ChannelClosedError('messages go to the listeners of the events');
  }
  close(): void {
    this.isActive = false;
    this.onClose?.();
  }
}

/** The subscriptions of a client; turns their messages into events. */
export class Subscriber {
  readonly #emitter: EventEmitter;
  readonly #ears: Record<Kind, Map<string, Ear>> = {
    subscribe: new Map(),
    psubscribe: new Map(),
    ssubscribe: new Map(),
  };

  constructor(emitter: EventEmitter) {
    this.#emitter = emitter;
  }

  static handles(name: string): boolean {
    return name.endsWith('subscribe') && /^(?:[ps]?(?:un)?subscribe)$/.test(name);
  }

  /** Number of subscribed names of all kinds. */
  get size(): number {
    return KINDS.reduce((sum, kind) => sum + this.#ears[kind].size, 0);
  }

  /** Runs a command of the SUBSCRIBE family; resolves with the server's last count. */
  async run(connection: AbstractConnection, name: string, args: readonly RedisValue[]): Promise<number> {
    if (!name.includes('un')) return this.#subscribe(connection, name as Kind, args);
    return this.#unsubscribe(connection, name.replace('un', '') as Kind, args);
  }

  async #subscribe(
    connection: AbstractConnection,
    kind: Kind,
    names: readonly RedisValue[],
  ): Promise<number> {
    const ears = this.#ears[kind];
    const made = names.map((name) => {
      const bytes = Buffer.isBuffer(name) ? name : Buffer.from(String(name));
      const key = bytes.toString('latin1');
      const known = ears.get(key);
      if (known?.isActive) return known;
      const ear = this.#ear(kind, bytes);
      ears.set(key, ear);
      ear.onClose = () => {
        if (ears.get(key) === ear && !connection.closed) ears.delete(key);
      };
      return ear;
    });
    try {
      return this.#count(kind, await connection.executePubsub(kind, ...made));
    } catch (error) {
      if (!connection.closed) {
        for (const ear of made) ears.delete(ear.name.toString('latin1'));
      }
      throw error;
    }
  }

  async #unsubscribe(
    connection: AbstractConnection,
    kind: Kind,
    names: readonly RedisValue[],
  ): Promise<number> {
    const ears = this.#ears[kind];
    const gone =
      names.length === 0
        ? [...ears.keys()]
        : names.map((name) => Buffer.from(name as string).toString('latin1'));
    const targets = gone.filter((key) => ears.has(key)).map((key) => Buffer.from(key, 'latin1'));
    for (const key of gone) ears.delete(key);
    if (targets.length === 0) return this.#count(kind, []);
    return this.#count(
      kind,
      await connection.executePubsub(kind.replace('subscribe', 'unsubscribe'), ...targets),
    );
  }

  #count(kind: Kind, acknowledgements: readonly Reply[]): number {
    const last = acknowledgements.at(-1);
    if (Array.isArray(last) && typeof last[2] === 'number') return last[2];
    const { subscribe, psubscribe, ssubscribe } = this.#ears;
    return kind === 'ssubscribe' ? ssubscribe.size : subscribe.size + psubscribe.size;
  }

  #ear(kind: Kind, name: Buffer): Ear {
    const emitter = this.#emitter;
    const text = name.toString();
    switch (kind) {
      case 'subscribe':
        return new Ear(name, false, (data) => {
          const message = data as Buffer;
          if (emitter.listenerCount('message') > 0) emitter.emit('message', text, message.toString());
          if (emitter.listenerCount('messageBuffer') > 0) emitter.emit('messageBuffer', name, message);
        });
      case 'ssubscribe':
        return new Ear(name, false, (data) => {
          const message = data as Buffer;
          if (emitter.listenerCount('smessage') > 0) emitter.emit('smessage', text, message.toString());
          if (emitter.listenerCount('smessageBuffer') > 0) emitter.emit('smessageBuffer', name, message);
        });
      case 'psubscribe':
        return new Ear(name, true, (data) => {
          const [channel, message] = data as readonly [Buffer, Buffer];
          if (emitter.listenerCount('pmessage') > 0) {
            emitter.emit('pmessage', text, channel.toString(), message.toString());
          }
          if (emitter.listenerCount('pmessageBuffer') > 0)
            emitter.emit('pmessageBuffer', text, channel, message);
        });
    }
  }

  /** Subscribes to everything again on a new connection. */
  again(connection: AbstractConnection): Promise<unknown> {
    const pending: Promise<unknown>[] = [];
    for (const kind of KINDS) {
      const names = [...this.#ears[kind].values()].map((ear) => ear.name);
      this.#ears[kind].clear();
      if (names.length === 0) continue;
      // The channels of one SSUBSCRIBE must share a slot.
      const calls = kind === 'ssubscribe' ? names.map((name) => [name]) : [names];
      for (const call of calls) pending.push(this.#subscribe(connection, kind, call));
    }
    return Promise.all(pending);
  }

  /** Drops all subscriptions. */
  clear(): void {
    for (const kind of KINDS) this.#ears[kind].clear();
  }
}
