import { wordText } from '../commands/arguments.ts';
import type { CommandInfo } from '../commands/command-info.ts';
import { HAS_EFFECT } from '../commands/flags.ts';
import { type EffectKind, effectOf, effectValue } from '../commands/session-effects.ts';
import { RedisError } from '../errors/errors.ts';
import type { RedisValue, Reply } from '../resp/types.ts';

/** What a command will do to its connection once the server has said yes. */
export interface Effect {
  readonly kind: EffectKind;
  readonly value: string;
}

/** Everything a command can change about its connection, apart from subscriptions. */
interface View {
  db: number;
  name: string;
  resp: number;
  multi: boolean;
  /** Queued inside the open MULTI: EXEC does them, DISCARD forgets them. */
  held: readonly Effect[];
  watch: boolean;
  readonly: boolean;
  noEvict: boolean;
  noTouch: boolean;
  tracking: string;
  monitor: boolean;
  silent: boolean;
  /** Expected only: a command of the SUBSCRIBE family is under way. */
  subscribing: boolean;
  /** Changed in a way that no reply undoes: another user, RESET, QUIT, replication. */
  foreign: boolean;
}

const NONE: readonly Effect[] = [];
const FRESH: View = {
  db: 0,
  name: '',
  resp: 3,
  multi: false,
  held: NONE,
  watch: false,
  readonly: false,
  noEvict: false,
  noTouch: false,
  tracking: 'off',
  monitor: false,
  silent: false,
  subscribing: false,
  foreign: false,
};

/** What the ledger has to be told of a call; null for the many that leave their connection as it was. */
export function effectFor(info: CommandInfo, args: readonly RedisValue[]): Effect | null {
  if ((info.flags & HAS_EFFECT) === 0) return null;
  const kind = effectOf(info, args);
  if (kind === null || ELSEWHERE.has(kind)) return null;
  const value = effectValue(info, args) ?? '';
  if (kind !== 'tracking') return { kind, value };
  if (value.toUpperCase() !== 'ON') return { kind, value: 'off' };
  const words = args.map((word) => wordText(word).toUpperCase());
  const redirect = words.indexOf('REDIRECT');
  return { kind, value: `on ${redirect === -1 ? '' : words[redirect + 1]}` };
}

/** Kept by counting, or no change at all. */
const ELSEWHERE = new Set<EffectKind>(['blocking', 'setinfo']);
/** Kept by acknowledgements; a change only while it is under way. */
const BY_PUSH = new Set<EffectKind>([
  'subscribe',
  'unsubscribe',
  'psubscribe',
  'punsubscribe',
  'ssubscribe',
  'sunsubscribe',
]);
/** What does the same inside a transaction as outside. */
const AT_ONCE = new Set<EffectKind>(['multi', 'exec', 'discard', 'watch', 'unwatch', 'reset', 'quit']);

function apply(view: View, { kind, value }: Effect): void {
  if (view.multi && !AT_ONCE.has(kind)) {
    view.held = [...view.held, { kind, value }];
    return;
  }
  switch (kind) {
    case 'select':
      view.db = Number.parseInt(value, 10);
      break;
    case 'reply':
      // SKIP is over with the next command.
      view.silent = value.toUpperCase() === 'OFF' || (view.silent && value.toUpperCase() !== 'ON');
      break;
    case 'multi':
      view.multi = true;
      break;
    case 'exec':
    case 'discard': {
      const held = kind === 'exec' ? view.held : NONE;
      view.multi = false;
      view.watch = false;
      view.held = NONE;
      for (const effect of held) apply(view, effect);
      break;
    }
    case 'watch':
      view.watch = true;
      break;
    case 'unwatch':
      view.watch = false;
      break;
    case 'readonly':
      view.readonly = true;
      break;
    case 'readwrite':
      view.readonly = false;
      break;
    case 'monitor':
      view.monitor = true;
      break;
    case 'setname':
      view.name = value;
      break;
    case 'no-evict':
      view.noEvict = value.toUpperCase() === 'ON';
      break;
    case 'no-touch':
      view.noTouch = value.toUpperCase() === 'ON';
      break;
    case 'tracking':
      view.tracking = value;
      break;
    default:
      view.foreign = true;
  }
}

/** What EXEC did: everything, nothing, or who knows which. */
function execute(view: View, effect: Effect, reply: Reply | undefined): void {
  const none = reply === null || reply instanceof RedisError;
  if (none) view.held = NONE;
  const partly = !Array.isArray(reply) || reply.some((answer) => answer instanceof RedisError);
  if (view.held.length > 0 && partly) view.foreign = true;
  apply(view, effect);
}

function same(one: View, other: View): boolean {
  return (
    one.db === other.db &&
    one.name === other.name &&
    one.resp === other.resp &&
    one.multi === other.multi &&
    one.watch === other.watch &&
    one.readonly === other.readonly &&
    one.noEvict === other.noEvict &&
    one.noTouch === other.noTouch &&
    one.tracking === other.tracking &&
    one.monitor === other.monitor &&
    one.silent === other.silent &&
    one.subscribing === other.subscribing &&
    one.foreign === other.foreign
  );
}

/**
 * The ledger of one connection: what replies have proved, what is still unproved, and how the handshake left
 * it. A stateful command makes the connection dirty when it is queued; only its reply makes it clean again.
 */
export class SessionState {
  /** Names as latin1 text, the server's own view, learned from its acknowledgements. */
  readonly channels = new Set<string>();
  readonly patterns = new Set<string>();
  readonly shardChannels = new Set<string>();
  /** Commands that the server may answer late, without their answer. */
  blocking = 0;
  /** `CLIENT REPLY SKIP` was written, and nothing after it. */
  skipping = false;
  /** The handshake is over. */
  settled = false;
  /** The version spoken now; RESET goes back to 2. */
  resp = 3;
  #proved: View = { ...FRESH };
  #expected: View = { ...FRESH };
  #baseline: View = { ...FRESH };
  /** What is proved is the baseline: compared when it changes, asked for with every command of a pool. */
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
  get subscribed(): number {
    return this.channels.size + this.patterns.size + this.shardChannels.size;
  }
  get tracking(): boolean {
    return this.#proved.tracking !== 'off';
  }
  /** The client that hears of invalidations: `own` when the connection tracks for itself. */
  trackingClientId(own: number | null): number | null {
    const [on, redirect] = this.#proved.tracking.split(' ');
    if (on === 'off') return null;
    return redirect === undefined || redirect === '' ? own : Number(redirect);
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

  /** From now on this is what "unchanged" means. */
  settleBaseline(): void {
    this.settled = true;
    this.#proved.foreign = false;
    this.#baseline = { ...this.#proved };
    this.#unchanged = true;
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

  /** Of EXEC the reply is looked into, where it is at hand. */
  replied(effect: Effect, succeeded: boolean, reply?: Reply): void {
    this.#forget(effect);
    const byPush = BY_PUSH.has(effect.kind);
    // Whatever EXEC answers, the transaction is over.
    if (!byPush && (succeeded || effect.kind === 'exec')) {
      const queued = this.#proved.multi;
      if (effect.kind === 'exec') execute(this.#proved, effect, reply);
      else apply(this.#proved, effect);
      if (effect.kind === 'reset') this.#reset();
      if (effect.kind === 'hello' && !queued) this.resp = effect.value === '2' ? 2 : 3;
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
    this.channels.clear();
    this.patterns.clear();
    this.shardChannels.clear();
    this.resp = 2;
  }
}
