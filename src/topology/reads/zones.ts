import type { Reply } from '../../resp/types.ts';
import { ClusterNodeLocation, keyOf, type TCPLocation } from '../../transport/location.ts';
import { textOf } from '../reply-fields.ts';

/** The zone of a server, where the user knows it; null: unknown. */
export type ZoneOf = (location: TCPLocation) => string | null | undefined;

export interface ZonesOptions {
  /** Where this process runs. */
  readonly clientZone: string | null;
  readonly zoneOf: ZoneOf | null;
  /** Asks a server for `INFO server`. */
  readonly ask: (location: TCPLocation) => Promise<Reply>;
}

/** Zones that are remembered: more servers than a cluster can sensibly have. */
const MOST = 1_000;

/** Which servers are in the zone of this process: as the layout says, else `INFO`, else `zoneOf`. */
export class Zones {
  readonly #options: ZonesOptions;
  /** As servers say themselves; null: they were asked and do not tell. */
  readonly #told = new Map<string, string | null>();

  constructor(options: ZonesOptions) {
    this.#options = options;
  }

  isNear(location: TCPLocation): boolean {
    const { clientZone } = this.#options;
    return clientZone !== null && this.zoneOf(location) === clientZone;
  }

  zoneOf(location: TCPLocation): string | null {
    const announced = location instanceof ClusterNodeLocation ? location.zone : null;
    return announced ?? this.#told.get(keyOf(location)) ?? this.#options.zoneOf?.(location) ?? null;
  }

  /** Asks servers with an unknown zone; each once, and again if it did not answer. */
  async learn(locations: Iterable<TCPLocation>): Promise<void> {
    if (this.#options.clientZone === null) return;
    const unknown = [...locations].filter(
      (one) => !(one instanceof ClusterNodeLocation && one.zone !== null) && !this.#told.has(keyOf(one)),
    );
    await Promise.allSettled(unknown.map((one) => this.#ask(one)));
  }

  async #ask(location: TCPLocation): Promise<void> {
    const info = textOf(await this.#options.ask(location)) ?? '';
    if (this.#told.size >= MOST) this.#told.clear();
    this.#told.set(keyOf(location), /^availability_zone:(\S+)/m.exec(info)?.[1] ?? null);
  }
}
