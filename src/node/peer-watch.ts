import { mayPing, ping } from '../connection/requests/call.ts';
import type { ConnectionCore } from '../connection/connection-core.ts';
import { ConnectionError, TimeoutError } from '../errors/errors.ts';

export interface PeerWatchSettings {
  /** `deadPeerTimeout`. */
  readonly limit: number | null;
  /** A PING with a nonce goes into the pipeline that often while there is traffic; null: never. */
  readonly fence?: number | null | undefined;
  /** Whether the server answers over another connection: a blocked one cannot be asked. Absent: not asked. */
  answersElsewhere?(patience: number): Promise<boolean>;
}

/**
 * Detects dead peers. While a reply is due, silence for half of the limit sends a PING, and silence for all of it ends
 * the connection. A blocking command is due when its own time has passed; while it blocks, the PING goes over another
 * connection. Each PING carries a nonce, so that a connection with shifted replies ends as well: one that is never silent
 * gets a PING after half of the limit too.
 */
export class PeerWatch {
  readonly #core: ConnectionCore;
  readonly #settings: PeerWatchSettings;
  readonly #timers: NodeJS.Timeout[] = [];
  #heard = -1;
  #since = 0;
  /** When replies were last compared with a nonce, or none was due; monotonic ms. */
  #compared = performance.now();
  #asked = false;
  /** Chunks heard at the last fence. */
  #fenced = -1;
  /** When the silence began while a command blocks; monotonic ms. */
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
      // Nothing is put behind a command that blocks, or behind a stream, whose reader sets the pace.
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
