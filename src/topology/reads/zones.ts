import type { Reply } from '../../resp/types.ts';
import { ClusterNodeLocation, keyOf, type TCPLocation } from '../../transport/location.ts';
import { textOf } from '../reply-fields.ts';

/** The user's function that gives a server's zone; null: unknown. */
export type ZoneOf = (location: TCPLocation) => string | null | undefined;

export interface ZonesOptions {
  /** The zone of this process; null: zones are not used. */
  readonly clientZone: string | null;
  readonly zoneOf: ZoneOf | null;
  /** Asks a server for `INFO server`. */
  readonly ask: (location: TCPLocation) => Promise<Reply>;
}

/** Limit of the remembered zones; above the number of nodes of any sensible cluster. */
const MOST = 1_000;

/** Knows which servers are in this process's zone: from the layout, else from `INFO`, else from `zoneOf`. */
export class Zones {
  readonly #options: ZonesOptions;
  /** Zones from `INFO`, by address; null: the server gives none. */
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

  /** Asks each server with an unknown zone once; servers that did not answer are asked again next time. */
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
