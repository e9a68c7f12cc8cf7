import { systemClock } from '../../base/clock.ts';
import { Deadline, refuseUnknownWait } from '../../base/deadline.ts';
import { SingleFlight } from '../../base/single-flight.ts';
import type { TCPConnectionOptions } from '../../connection/connection-options.ts';
import { TCPConnection } from '../../connection/tcp-connection.ts';
import { SentinelError, tookTooLong } from '../../errors/errors.ts';
import { keyOf, type TCPLocation } from '../../transport/location.ts';
import { type AddressMap, addressResolver, type ResolveAddress } from '../cluster/address-map.ts';
import { type SentinelSearch, findPrimary, findReplicas, learnSentinels } from './discover.ts';
import { PrimaryFollowers, type PrimaryListener } from './primary-followers.ts';
import { type Directory, type FindOptions, FOLLOW, PROVED } from './service-role.ts';
import type { PrimarySwitch } from './replies.ts';
import { SentinelLink } from './sentinel-link.ts';
import { SentinelList } from './sentinel-list.ts';
import { ServiceView } from './service-view.ts';

/** Interval, in ms, at which sentinels are asked for the other sentinels. */
const LEARN = 10_000;
const NONE: ReadonlySet<string> = new Set();

export interface SentinelGroupOptions {
  readonly sentinels: readonly TCPLocation[];
  readonly minOtherSentinels: number;
  readonly addressMap: AddressMap | null;
  /** Options of the connections to the sentinels. */
  readonly connection: TCPConnectionOptions;
}
/** The sentinels that watch the same services: asks them, listens to them, and decides which answers to believe. */
export class SentinelGroup implements Directory {
  readonly #options: SentinelGroupOptions;
  readonly #resolve: ResolveAddress;
  readonly #list: SentinelList;
  readonly #links = new Map<string, SentinelLink>();
  readonly #views = new Map<string, ServiceView>();
  readonly #flights = new Map<string, SingleFlight<TCPLocation>>();
  readonly #followers: PrimaryFollowers;
  readonly #forgetProvider: (() => void) | null;
  #learnAt = 0;
  #closed = false;

  constructor(options: SentinelGroupOptions) {
    const streamTimeout = options.connection.streamTimeout ?? Infinity;
    this.#options = options;
    this.#resolve = addressResolver(options.addressMap);
    this.#list = new SentinelList({
      sentinels: options.sentinels,
      ask: (location, command, args, { timeout, dialling }) =>
        this.#link(location).ask(command, args, Math.min(timeout, streamTimeout), dialling),
    });
    this.#followers = new PrimaryFollowers({
      list: this.#list,
      clock: systemClock,
      connect: (sentinel) => this.#connection(sentinel),
      lookUp: (service) => this.#shared(service),
      switched: (news, sentinel) => this.#switched(news, sentinel),
    });
    this.#forgetProvider = options.connection.credentialProvider?.onChange?.(() => this.#renew()) ?? null;
  }

  /** All sentinels, learned ones included, in the order of the next question. */
  get sentinels(): readonly TCPLocation[] {
    return this.#list.locations;
  }
  get closed(): boolean {
    return this.#closed;
  }

  async discoverPrimary(service: string, options: FindOptions = {}): Promise<TCPLocation> {
    const deadline = this.#begin(service, options);
    const { avoid = NONE } = options;
    const work = avoid.size === 0 ? this.#shared(service) : this.#lookUp(service, avoid);
    return deadline.wait(work, () => tookTooLong(`the search for the primary of '${service}'`, deadline));
  }

  /** The replicas that are up; empty for an unknown service. */
  async discoverReplicas(service: string, options: FindOptions = {}): Promise<TCPLocation[]> {
    const deadline = this.#begin(service, options);
    const { avoid } = options;
    const view = this.#view(service);
    const vet = avoid === undefined || avoid.size === 0 ? undefined : vetting(view, avoid);
    const work = findReplicas(service, { ...this.#common(), vet });
    const replicas = await deadline.wait(work, () =>
      tookTooLong(`the search for replicas of '${service}'`, deadline),
    );
    this.#learn(service);
    return replicas;
  }

  /** Calls the listener for each new primary of the service; the returned function ends that. */
  [FOLLOW](service: string, listener: PrimaryListener): () => void {
    return this.#closed ? () => {} : this.#followers.add(service, listener);
  }

  /** Called when a pool has verified the primary that sentinels name: all other pools follow at once. */
  [PROVED](service: string, location: TCPLocation): void {
    if (!this.#closed && this.#view(service).proved(location)) this.#followers.tell(service, location, true);
  }

  close(): void {
    this.#closed = true;
    this.#forgetProvider?.();
    this.#followers.close();
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
  }

  #begin(service: string, { avoid: _, ...options }: FindOptions): Deadline {
    refuseUnknownWait(options);
    if (typeof service !== 'string' || service === '') throw new TypeError('the service must have a name');
    const deadline = Deadline.of(options);
    if (deadline.aborted) throw deadline.reason;
    if (this.#closed) throw new SentinelError('the Sentinel is closed');
    return deadline;
  }

  /** Concurrent callers share one look-up. */
  #shared(service: string): Promise<TCPLocation> {
    const flight = this.#flights.get(service) ?? new SingleFlight<TCPLocation>();
    this.#flights.set(service, flight);
    return flight.run(() => this.#lookUp(service, NONE));
  }

  async #lookUp(service: string, avoid: ReadonlySet<string>): Promise<TCPLocation> {
    const view = this.#view(service);
    const epochs = new Map<TCPLocation, number | null>();
    const vet = (location: TCPLocation, epoch: number | null): void => {
      view.vet(location, epoch, avoid);
      epochs.set(location, epoch);
    };
    try {
      const location = await findPrimary(service, { ...this.#common(), vet });
      // Tell every follower about a new primary, whoever asked; followers verify it themselves.
      if (view.learned(location, epochs.get(location) ?? null))
        this.#followers.tell(service, location, false);
      this.#learn(service);
      return location;
    } catch (error) {
      const announced = view.fallback(avoid);
      if (announced !== null) return announced;
      throw error;
    }
  }

  #switched(news: PrimarySwitch, sentinel: TCPLocation): void {
    const view = this.#views.get(news.service);
    // Ignore services that were never looked up.
    if (view === undefined) return;
    let from: TCPLocation;
    let to: TCPLocation;
    try {
      from = this.#resolve(news.from.host, news.from.port);
      to = this.#resolve(news.to.host, news.to.port);
    } catch {
      // The address map refuses this address; the next look-up reports that to its caller.
      return;
    }
    const kind = view.announced(from, to);
    // Tell followers even if the group knows already from a look-up: some followers may not.
    if (kind !== 'doubtful') this.#followers.tell(news.service, to, true);
    if (kind === 'known') return;
    this.#list.prefer(sentinel);
    this.#followers.hurry();
  }

  /** Asks for other sentinels in the background, at most every `LEARN` ms. */
  #learn(service: string): void {
    const now = systemClock.now();
    if (now < this.#learnAt || this.#closed) return;
    this.#learnAt = now + LEARN;
    learnSentinels(service, this.#common()).then(
      () => this.#forget(),
      () => {},
    );
  }

  /** Closes the connections to sentinels that are no longer in the list. */
  #forget(): void {
    const known = new Set(this.#list.locations.map(keyOf));
    for (const [address, link] of this.#links) {
      if (known.has(address)) continue;
      link.close();
      this.#links.delete(address);
    }
  }

  #common(): SentinelSearch {
    return { list: this.#list, resolve: this.#resolve, minOtherSentinels: this.#options.minOtherSentinels };
  }

  #view(service: string): ServiceView {
    let view = this.#views.get(service);
    if (view === undefined) this.#views.set(service, (view = new ServiceView(systemClock)));
    return view;
  }

  #link(location: TCPLocation): SentinelLink {
    const address = keyOf(location);
    let link = this.#links.get(address);
    if (link === undefined)
      this.#links.set(address, (link = new SentinelLink(location, () => this.#connection(location))));
    if (this.#closed) link.close();
    return link;
  }

  #connection(location: TCPLocation): TCPConnection {
    return new TCPConnection(location, {
      ...this.#options.connection,
      decodeResponses: true,
      noreply: false,
    });
  }

  #renew(): void {
    for (const link of this.#links.values()) link.drop('the credentials have changed');
    this.#followers.renew();
  }
}

function vetting(view: ServiceView, avoid: ReadonlySet<string>): (location: TCPLocation) => void {
  return (location) => view.vet(location, null, avoid);
}
