import { mayPing, ping } from '../connection/requests/call.ts';
import type { ConnectionCore } from '../connection/connection-core.ts';
import { ConnectionError, TimeoutError } from '../errors/errors.ts';

export interface PeerWatchSettings {
  /** `deadPeerTimeout`, in ms; null: silence is not watched. */
  readonly limit: number | null;
  /** Interval, in ms, of the PINGs with a nonce that go into the pipeline while there is traffic; null: none. */
  readonly fence?: number | null | undefined;
  /** Sends PING over another connection, because a blocked one cannot answer. Absent: no check while blocked. */
  answersElsewhere?(patience: number): Promise<boolean>;
}

/**
 * Detects dead peers. While a reply is due, silence for half the limit sends a PING; silence for all of it ends the
 * connection. A blocking command is due once its block time has passed; until then the PING uses another connection.
 * PINGs carry a nonce to detect shifted replies, so a busy connection gets one after half the limit too.
 */
export class PeerWatch {
  readonly #core: ConnectionCore;
  readonly #settings: PeerWatchSettings;
  readonly #timers: NodeJS.Timeout[] = [];
  #heard = -1;
  #since = 0;
  /** When a nonce was last sent, or no check was needed; monotonic ms. */
  #compared = performance.now();
  #asked = false;
  /** Chunks received by the time of the last fence. */
  #fenced = -1;
  /** When the current silence of a blocked connection began; monotonic ms. */
  #blockedSince = 0;
  #asking = false;

  constructor(core: ConnectionCore, settings: PeerWatchSettings) {
    this.#core = core;
    this.#settings = settings;
    const { limit, fence = null } = settings;
    if (limit !== null) this.#every(Math.max(1, Math.ceil(limit / 10)), () => this.#check(limit));
    if (fence !== null) this.#every(fence, () => this.#putFence());
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  #every(ms: number, look: () => void): void {
    const timer = setInterval(look, ms);
    timer.unref();
    this.#timers.push(timer);
  }

  #check(limit: number): void {
    const core = this.#core;
    const { session, outbox } = core;
    const now = performance.now();
    const blocked = session.blocking > 0;
    const overdue = blocked && now >= session.blockedUntil;
    const expecting =
      outbox.length > session.blocking || overdue || session.subscribed > 0 || session.tracking;
    const news = outbox.heard !== this.#heard;
    this.#heard = outbox.heard;
    if (!blocked || news) this.#blockedSince = now;
    else if (!overdue) this.#askElsewhere(now - this.#blockedSince, limit);
    if (!expecting || core.muted || core.inbox.paused || core.stalled || news || now < core.relaxedUntil) {
      this.#since = now;
      this.#asked = false;
      // No PING behind a blocking command or a streamed reply: its answer would be late without a fault.
      if (outbox.length === 0 || blocked || core.streams > 0) this.#compared = now;
      else if (news && now - this.#compared >= limit / 2) this.#compare(now);
      return;
    }
    const silence = now - this.#since;
    if (silence >= limit) this.#end(`nothing heard for ${limit} ms (deadPeerTimeout)`);
    else if (!this.#asked && silence >= limit / 2) {
      this.#asked = true;
      this.#compare(now);
    }
  }

  #compare(now: number): void {
    const core = this.#core;
    this.#compared = now;
    if (mayPing(core)) ping(core).catch(() => {});
  }

  #askElsewhere(silence: number, limit: number): void {
    const { answersElsewhere } = this.#settings;
    if (answersElsewhere === undefined || this.#asking || silence < limit / 2) return;
    const { heard } = this.#core.outbox;
    this.#asking = true;
    const done = (answers: boolean): void => {
      this.#asking = false;
      this.#blockedSince = performance.now();
      const silent = this.#core.outbox.heard === heard && this.#core.session.blocking > 0;
      if (!answers && silent)
        this.#end(
          `the server answered no PING over another connection for ${limit / 2} ms (deadPeerTimeout)`,
        );
    };
    answersElsewhere(limit / 2).then(done, () => done(false));
  }

  #putFence(): void {
    const core = this.#core;
    const { session, outbox } = core;
    const traffic = outbox.length > 0 || outbox.heard !== this.#fenced;
    if (traffic && session.blocking === 0 && mayPing(core)) ping(core).catch(() => {});
    this.#fenced = outbox.heard;
  }

  #end(what: string): void {
    const core = this.#core;
    const { endpoint } = core.settings;
    const cause = new TimeoutError(what, { phase: 'reply', endpoint });
    core.close(core.error(ConnectionError, what, { cause }));
  }
}
