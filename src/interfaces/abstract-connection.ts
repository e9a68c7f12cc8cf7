import { nameClass, refuseDirectConstruction } from '../base/classes.ts';
import type { RedisValue, Reply } from '../resp/types.ts';
import type { TextEncoding } from '../resp/text-modes.ts';
import type { AbstractChannel } from './abstract-channel.ts';
import type { ChannelMap } from './abstract-channel.ts';
import type { WaitOptions } from '../base/deadline.ts';

/** Connections and pools give their attributes to observers, by the OpenTelemetry conventions. */
export interface TelemetryAttributeProvider {
  telemetryAttributes(): Record<string, string | number>;
}

/**
 * The interface of a connection, for code that uses one and for classes that implement one. A pool implements it
 * too: code written against this class runs on either.
 *
 * @example async function visits(redis: AbstractConnection) { return redis.execute('INCR', 'visits'); }
 */
export abstract class AbstractConnection {
  static {
    nameClass(this, 'AbstractConnection');
  }

  constructor() {
    refuseDirectConstruction(new.target, AbstractConnection);
  }
  /** The peer: `127.0.0.1:6379`, a socket path, or null when there is none. */
  abstract get address(): string | null;
  /** The selected database, as the server last confirmed it. */
  abstract get db(): number;
  /** How replies are decoded; null: as bytes. */
  abstract get encoding(): TextEncoding | null;
  /** True from the moment `close()` is called or the peer is gone. */
  abstract get closed(): boolean;
  /** Takes no new work. A connection ends at once; a pool waits some time for calls under way. */
  abstract close(): void | Promise<void>;
  /** Resolves when everything is closed; it closes nothing itself. */
  abstract waitClosed(options?: WaitOptions): Promise<void>;
  /** Sends the command and resolves with its reply; an error reply rejects. */
  abstract execute(command: string | Uint8Array, ...args: RedisValue[]): Promise<Reply>;
  /**
   * `SUBSCRIBE`, `PSUBSCRIBE`, `SSUBSCRIBE` and their opposites, for names or channel objects. Resolves when the
   * server has acknowledged every one, with a triple `[kind, name, count]` for each.
   */
  abstract executePubsub(
    command: string,
    ...channels: (string | Uint8Array | AbstractChannel)[]
  ): Promise<Reply[]>;
  /** Subscribed channels and patterns; 0 when closed. */
  abstract get inPubsub(): number;
  /** The channels subscribed by name. */
  abstract get pubsubChannels(): ChannelMap;
  /** The channels subscribed by pattern. */
  abstract get pubsubPatterns(): ChannelMap;
  /** The sharded channels subscribed. */
  abstract get pubsubShardChannels(): ChannelMap;
}
