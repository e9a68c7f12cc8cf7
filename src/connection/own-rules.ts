import { type NormalizedConnectionOptions, normalizeConnectionOptions } from './connection-options.ts';
import type { RuleTable } from './option-rules.ts';

const own = new WeakMap<object, RuleTable>();
/** With those of the classes that it extends. */
const inherited = new WeakMap<object, RuleTable>();

/** Tells which options a class of this package adds to the common ones. */
export function addRules(type: abstract new (...args: never[]) => object, rules: RuleTable): void {
  own.set(type, rules);
}

/**
 * The options of a connection, checked by its class and the classes it extends. A class from outside the package may
 * have options that only it understands.
 */
export function classOptions(type: object, input: object | undefined): NormalizedConnectionOptions {
  let extra = inherited.get(type);
  if (extra === undefined) {
    extra = {};
    for (let at: object | null = type; at !== null; at = Object.getPrototypeOf(at) as object | null) {
      extra = { ...own.get(at), ...extra };
    }
    inherited.set(type, extra);
  }
  return normalizeConnectionOptions(input, { extra, unknown: own.has(type) ? 'refuse' : 'drop' });
}
