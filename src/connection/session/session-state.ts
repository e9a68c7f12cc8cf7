import { BY_PUSH } from '../../commands/session-effects.ts';
import { ServerNames } from '../../pubsub/subscriptions/server-names.ts';
import type { Reply } from '../../resp/types.ts';
import type { Effect } from './session-effect.ts';
import { apply, execute, FRESH, same, type View } from './session-view.ts';

/**
 * The ledger of one connection: what replies have proved, what is still unproved, and how the handshake left
 * it. A stateful command makes the connection dirty when it is queued; only its reply makes it clean again.
 */
export class SessionState {
  /** The server's own view, learned from its acknowledgements. */
  readonly names = new ServerNames();
  /** Commands that the server may answer late, without their answer. */
  blocking = 0;
  /** When the server should have answered the blocking command; monotonic ms, Infinity if it blocks for ever. */
  blockedUntil = 0;
  /** `CLIENT REPLY SKIP` was written, and nothing after it. */
  skipping = false;
  /** The handshake is over. */
  settled = false;
  /** The version spoken now; RESET goes back to 2. */
  resp: 2 | 3 = 3;
  #proved: View = { ...FRESH };
  #expected: View = { ...FRESH };
  #baseline: View = { ...FRESH };
  /** Whether the proved view equals the baseline. Compared on change, because every command of a pool reads it. */
  #unchanged = true;
  /** RESET was answered: the server has forgotten every subscription. */
  onReset: (() => void) | null = null;
  /** Something was queued that changes its connection. */
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
  /** The client that receives invalidations: `own` when the connection tracks for itself. */
  trackingClientId(own: number | null): number | null {
    const [on, redirect] = this.#proved.tracking.split(' ');
    if (on === 'off') return null;
    return redirect === undefined || redirect === '' ? own : Number(redirect);
  }
  /** How many names are subscribed. */
  get subscribed(): number {
    return this.names.size;
  }
  /** Subscribed, or on the way there. */
  get inPubsub(): boolean {
    return this.subscribed > 0 || this.#expected.subscribing;
  }
  /** A MULTI is open, or will be by the time a command queued now arrives. */
  get inTransaction(): boolean {
    return this.#expected.multi;
  }
  get monitoring(): boolean {
    return this.#expected.monitor;
  }
  /** As the handshake left it, proved by replies. */
  get clean(): boolean {
    return (
      this.#unchanged &&
      this.#pending.length === 0 &&
      this.blocking === 0 &&
      !this.skipping &&
      this.subscribed === 0
    );
  }
  /** Will be clean when everything outstanding has succeeded. */
  get willBeClean(): boolean {
    return this.subscribed === 0 && !this.skipping && same(this.#expected, this.#baseline);
  }

  /** A command that the server may hold back for `time` ms is about to be queued. */
  blocksFor(time: number): void {
    const until = performance.now() + time;
    this.blockedUntil = this.blocking === 0 ? until : Math.max(until, this.blockedUntil);
  }

  /** From now on this is what "unchanged" means. */
  settleBaseline(): void {
    this.settled = true;
    this.#proved.foreign = false;
    this.#baseline = { ...this.#proved };
    this.#unchanged = true;
    this.#replay();
  }

  /** The name of the connection was changed for good, without a command in the ledger. */
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

  /** The command was taken back before it was written. */
  withdrawn(effect: Effect): void {
    this.#forget(effect);
    this.#replay();
  }

  /** Looks into the reply to EXEC, where it is at hand. */
  replied(effect: Effect, succeeded: boolean, reply?: Reply): void {
    this.#forget(effect);
    // Kept by acknowledgements; a change only while it is under way.
    const byPush = BY_PUSH.has(effect.kind);
    // Whatever EXEC answers, the transaction is over.
    if (!byPush && (succeeded || effect.kind === 'exec')) {
      const queued = this.#proved.multi;
      if (effect.kind === 'exec') execute(this.#proved, effect, reply);
      else apply(this.#proved, effect);
      if (effect.kind === 'reset') this.#reset();
      // Without a version HELLO leaves it as it is.
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
