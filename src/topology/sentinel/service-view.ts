import type { Clock } from '../../base/clock.ts';
import { SentinelError } from '../../errors/errors.ts';
import { keyOf, type TCPLocation } from '../../transport/location.ts';

/** Time, in ms, that a sentinel may lag behind another one that has announced a switch. */
const LAG = 3_000;
/** Time, in ms, that the newest configuration outweighs older ones after a sentinel last reported it. */
const TRUST = 10_000;

interface Announcement {
  readonly location: TCPLocation;
  readonly until: number;
}

/**
 * The newest known view of one service. Sentinels learn of a switch one after the other, and an isolated sentinel
 * never does, so an older view must not replace a newer one.
 */
export class ServiceView {
  /** The last known primary; null: unknown. */
  current: TCPLocation | null = null;
  readonly #clock: Clock;
  #epoch: number | null = null;
  #epochSeen = 0;
  /** Former primaries, with the time until which a sentinel that still names one is not believed. */
  readonly #deposed = new Map<string, number>();
  #announcement: Announcement | null = null;
  /** Key of the primary that a dial has last verified. */
  #proved = '';

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Throws if an answer must not be believed. `avoid`: addresses that a dial has proved wrong. */
  vet(location: TCPLocation, epoch: number | null, avoid: ReadonlySet<string>): void {
    const address = keyOf(location);
    if (avoid.has(address)) throw new SentinelError(`it names ${address}, which could not be used`);
    const now = this.#clock.now();
    const newer = epoch !== null && this.#epoch !== null && epoch > this.#epoch;
    if (!newer && (this.#deposed.get(address) ?? 0) > now) {
      throw new SentinelError(`it still names ${address}, the old primary`);
    }
    const older = epoch !== null && this.#epoch !== null && epoch < this.#epoch;
    if (older && now - this.#epochSeen < TRUST) {
      throw new SentinelError(`its view is older (configuration ${epoch}, known is ${this.#epoch})`);
    }
  }

  /** Takes an answer that was believed. True: another primary was known before. */
  learned(location: TCPLocation, epoch: number | null): boolean {
    const before = this.current;
    this.current = location;
    this.#deposed.delete(keyOf(location));
    if (epoch !== null) {
      this.#epoch = epoch;
      this.#epochSeen = this.#clock.now();
    }
    return before !== null && keyOf(before) !== keyOf(location);
  }

  /** Takes a server's own claim to be the primary. True: sentinels name it too, and no dial had verified it yet. */
  proved(location: TCPLocation): boolean {
    const key = keyOf(location);
    if (key === this.#proved || this.current === null || key !== keyOf(this.current)) return false;
    this.#proved = key;
    return true;
  }

  /**
   * Takes a sentinel's announcement of a switch. `news`: the primary is new; `known`: it was known; `doubtful`: the
   * switch starts from a primary other than the known one, for example because the announcement is late.
   */
  announced(from: TCPLocation, to: TCPLocation): 'news' | 'known' | 'doubtful' {
    const { current } = this;
    if (current !== null && keyOf(current) === keyOf(to)) return 'known';
    if (current !== null && keyOf(current) !== keyOf(from)) return 'doubtful';
    const until = this.#clock.now() + LAG;
    for (const [address, end] of this.#deposed) if (end <= this.#clock.now()) this.#deposed.delete(address);
    this.#deposed.set(keyOf(from), until);
    this.#deposed.delete(keyOf(to));
    this.#announcement = { location: to, until };
    this.current = to;
    return 'news';
  }

  /** The recently announced primary, for when no sentinel gives a believable answer; or null. */
  fallback(avoid: ReadonlySet<string>): TCPLocation | null {
    const announcement = this.#announcement;
    if (announcement === null || announcement.until <= this.#clock.now()) return null;
    return avoid.has(keyOf(announcement.location)) ? null : announcement.location;
  }
}
