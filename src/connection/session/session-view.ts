import type { EffectKind } from '../../commands/session-effects.ts';
import { ExecAbortError, RedisError } from '../../errors/errors.ts';
import type { Reply } from '../../resp/types.ts';
import type { Effect } from './session-effect.ts';

/** The connection state that commands can change, apart from subscriptions. */
export interface View {
  db: number;
  name: string;
  multi: boolean;
  /** Effects queued inside the open MULTI: EXEC applies them, DISCARD drops them. */
  held: readonly Effect[];
  watch: boolean;
  readonly: boolean;
  noEvict: boolean;
  noTouch: boolean;
  tracking: string;
  monitor: boolean;
  silent: boolean;
  /** Only in the expected view: a command of the SUBSCRIBE family is in progress. */
  subscribing: boolean;
  /** Changed in a way that no command undoes: another user, RESET, QUIT, replication. */
  foreign: boolean;
}

const NONE: readonly Effect[] = [];
export const FRESH: View = {
  db: 0,
  name: '',
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

/** Effects that MULTI does not postpone to EXEC. */
const AT_ONCE = new Set<EffectKind>(['multi', 'exec', 'discard', 'watch', 'unwatch', 'reset', 'quit']);

export function apply(view: View, { kind, value }: Effect): void {
  if (view.multi && !AT_ONCE.has(kind)) {
    view.held = [...view.held, { kind, value }];
    return;
  }
  switch (kind) {
    case 'select':
      view.db = Number.parseInt(value, 10);
      break;
    case 'reply':
      // SKIP lasts for one command only, so it changes nothing here.
      view.silent = value.toUpperCase() === 'OFF' || (view.silent && value.toUpperCase() !== 'ON');
      break;
    case 'multi':
      view.multi = true;
      break;
    case 'exec':
    case 'discard': {
      // Without MULTI the server refuses both, and WATCH stays.
      if (!view.multi) break;
      const held = kind === 'exec' ? view.held : NONE;
      view.multi = false;
      view.watch = false;
      view.held = NONE;
      for (const effect of held) apply(view, effect);
      break;
    }
    case 'watch':
    case 'unwatch':
      view.watch = kind === 'watch';
      break;
    case 'readonly':
    case 'readwrite':
      view.readonly = kind === 'readonly';
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
      view.tracking = tracked(view.tracking, value);
      break;
    case 'hello':
      greeted(view, value);
      break;
    default:
      view.foreign = true;
  }
}

/** The tracking mode after `CLIENT TRACKING`: in BCAST mode new prefixes are added to the present ones. */
function tracked(before: string, value: string): string {
  if (value === 'off') return value;
  const kept = before.split(' ').filter((word) => word.startsWith('PREFIX='));
  if (kept.length === 0) return value;
  const [on, redirect, ...options] = value.split(' ');
  return [on, redirect, ...new Set([...options, ...kept].sort())].join(' ');
}

function greeted(view: View, value: string): void {
  const space = value.indexOf(' ');
  if (space !== -1) view.name = value.slice(space + 1);
  view.foreign = true;
}

/** Applies the result of EXEC: all effects, none, or an unknown part of them. */
export function execute(view: View, effect: Effect, reply: Reply | undefined): void {
  // EXECABORT means that the server has dropped both the transaction and WATCH.
  if (reply instanceof ExecAbortError) view.watch = false;
  const none = reply === null || reply instanceof RedisError;
  if (none) view.held = NONE;
  const partly = !Array.isArray(reply) || reply.some((answer) => answer instanceof RedisError);
  if (view.held.length > 0 && partly) view.foreign = true;
  apply(view, effect);
}

export function same(one: View, other: View): boolean {
  return (
    one.db === other.db &&
    one.name === other.name &&
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
