import { BY_PUSH } from '../../commands/session-effects.ts';
import { ServerNames } from '../../pubsub/subscriptions/server-names.ts';
import type { Reply } from '../../resp/types.ts';
import type { Effect } from './session-effect.ts';
import { apply, execute, FRESH, same, type View } from './session-view.ts';

/**
 * The state ledger of one connection: the state proved by replies, the expected state once all queued commands have
 * succeeded, and the baseline after the handshake. A command that changes state makes the connection dirty when it is
 * queued; only replies make it clean again.
 */
export class SessionState {
  /** The names subscribed at the server, learned from its acknowledgements. */
  readonly names = new ServerNames();
  /** Number of unanswered blocking commands. */
  blocking = 0;
  /** When the server should have answered the blocking commands; monotonic ms, Infinity if one blocks for ever. */
  blockedUntil = 0;
  /** `CLIENT REPLY SKIP` was the last command written. */
  skipping = false;
  /** The handshake is over. */
  settled = false;
  /** The RESP version in use; RESET goes back to 2. */
  resp: 2 | 3 = 3;
  #proved: View = { ...FRESH };
  #expected: View = { ...FRESH };
  #baseline: View = { ...FRESH };
  /** Whether the proved view equals the baseline. Kept up to date, because every command of a pool reads it. */
  #unchanged = true;
  /** Called when RESET was answered: the server has dropped all subscriptions. */
  onReset: (() => void) | null = null;
  /** Called when a command that changes connection state was queued. */
  onEffect: ((effect: Effect) => void) | null = null;
  readonly #pending: Effect[] = [];

  get db(): number {
    return this.#proved.db;
  }
  get name(): string {
    return this.#proved.name;
  }
  get tracking(): boolean {
    return this.#proved.tracking !== 'off';
  }
  /** Id of the client that gets the invalidations: `own` unless they are redirected; null without tracking. */
  trackingClientId(own: number | null): number | null {
    const [on, redirect] = this.#proved.tracking.split(' ');
    if (on === 'off') return null;
    return redirect === undefined || redirect === '' ? own : Number(redirect);
  }
  /** Number of subscribed names. */
  get subscribed(): number {
    return this.names.size;
  }
  /** True if a name is subscribed, or a command of the SUBSCRIBE family is in progress. */
  get inPubsub(): boolean {
    return this.subscribed > 0 || this.#expected.subscribing;
  }
  /** True if a MULTI will be open when a command queued now arrives. */
  get inTransaction(): boolean {
    return this.#expected.multi;
  }
  get monitoring(): boolean {
    return this.#expected.monitor;
  }
  /** True if replies prove that the connection is as the handshake left it. */
  get clean(): boolean {
    return (
      this.#unchanged &&
      this.#pending.length === 0 &&
      this.blocking === 0 &&
      !this.skipping &&
      this.subscribed === 0
    );
  }
  /** True if the connection will be clean once all outstanding commands have succeeded. */
  get willBeClean(): boolean {
    return this.subscribed === 0 && !this.skipping && same(this.#expected, this.#baseline);
  }

  /** Notes that a command which blocks for up to `time` ms is about to be queued. */
  blocksFor(time: number): void {
    const until = performance.now() + time;
    this.blockedUntil = this.blocking === 0 ? until : Math.max(until, this.blockedUntil);
  }

  /** Makes the current state the baseline, at the end of the handshake. */
  settleBaseline(): void {
    this.settled = true;
    this.#proved.foreign = false;
    // What a connect callback has left open stays a change.
    this.#baseline = { ...this.#proved, multi: false, held: FRESH.held, watch: false, monitor: false };
    this.#unchanged = same(this.#proved, this.#baseline);
    this.#replay();
  }

  /** Notes a lasting change of the client name by a command that the ledger has not recorded. */
  renamed(name: string): void {
    this.#baseline.name = name;
    this.#proved.name = name;
    this.#unchanged = same(this.#proved, this.#baseline);
    this.#replay();
  }

  queued(effect: Effect): void {
    this.#pending.push(effect);
    this.#expect(effect);
    this.onEffect?.(effect);
  }

  /** Removes the effect of a command that was withdrawn unsent. */
  withdrawn(effect: Effect): void {
    this.#forget(effect);
    this.#replay();
  }

  /** Applies the effect of an answered command; `reply` is needed for EXEC only. */
  replied(effect: Effect, succeeded: boolean, reply?: Reply): void {
    this.#forget(effect);
    // Acknowledgements record subscriptions; the effect only counts while the command is in progress.
    const byPush = BY_PUSH.has(effect.kind);
    // The transaction is over whether EXEC succeeded or not.
    if (!byPush && (succeeded || effect.kind === 'exec')) {
      const queued = this.#proved.multi;
      if (effect.kind === 'exec') execute(this.#proved, effect, reply);
      else apply(this.#proved, effect);
      if (effect.kind === 'reset') this.#reset();
      // HELLO without a version keeps the protocol.
      if (effect.kind === 'hello' && effect.value !== '' && !queued) {
        this.resp = effect.value.split(' ', 1)[0] === '2' ? 2 : 3;
      }
      this.#unchanged = same(this.#proved, this.#baseline);
    }
    if (byPush || !succeeded || this.#pending.length === 0) this.#replay();
  }

  #forget(effect: Effect): void {
    const index = this.#pending.indexOf(effect);
    if (index !== -1) this.#pending.splice(index, 1);
  }

  #replay(): void {
    this.#expected = { ...this.#proved };
    for (const effect of this.#pending) this.#expect(effect);
  }

  #expect(effect: Effect): void {
    if (BY_PUSH.has(effect.kind)) this.#expected.subscribing = true;
    else apply(this.#expected, effect);
  }

  #reset(): void {
    this.onReset?.();
    this.#proved = { ...FRESH, foreign: true };
    this.names.clear();
    this.resp = 2;
  }
}
