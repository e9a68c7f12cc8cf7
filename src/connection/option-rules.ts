import { inspect } from 'node:util';
import { demandObject, unknownOption } from '../base/known-options.ts';

/** How one option is checked and read. */
export interface OptionRule<T> {
  /** The value of an absent option. */
  readonly fallback: T;
  /** Returns the value to use; throws a `TypeError` that names the option. */
  readonly check: (name: string, value: unknown) => T;
  /** Reads the value in a URL; without it the option cannot be set there. */
  readonly text?: (name: string, text: string) => unknown;
  /** The option is in ms. URLs must use its camelCase name: under the snake_case one older clients took seconds. */
  readonly duration?: true;
}
export type RuleTable = { readonly [name: string]: OptionRule<unknown> };
export type ValuesOf<R extends RuleTable> = {
  readonly [K in keyof R]: R[K] extends OptionRule<infer T> ? T : never;
};

/** Node fires longer timers at once, so limits are cut at about 24 days. */
const LONGEST_TIMER = 2 ** 31 - 1;

export function duration<F extends number | null>(fallback: F, zero = false): OptionRule<number | null> {
  const check = (name: string, value: unknown): number | null => {
    if (value === null) return null;
    if (typeof value !== 'number' || !(value < Infinity) || !(zero ? value >= 0 : value > 0)) {
      throw new TypeError(
        `${name} must be a ${zero ? 'number' : 'positive number'} of milliseconds, or null`,
      );
    }
    return Math.min(value, LONGEST_TIMER);
  };
  return { fallback, check, text: parseNumber, duration: true };
}

/** A whole number; null means the default. */
export function count<F extends number | null>(fallback: F, least = 1): OptionRule<number | F> {
  const check = (name: string, value: unknown): number | F => {
    if (value === null) return fallback;
    if (!Number.isSafeInteger(value) || (value as number) < least) {
      throw new TypeError(`${name} must be an integer of at least ${least}`);
    }
    return (value as number) + 0;
  };
  return { fallback, check, text: parseWhole };
}

export function flag(fallback: boolean): OptionRule<boolean> {
  const check = (name: string, value: unknown): boolean => {
    if (typeof value !== 'boolean') throw new TypeError(`${name} must be true or false`);
    return value;
  };
  return { fallback, check, text: parseBoolean };
}

/** Text or null; errors never show the value. */
export function text(): OptionRule<string | null> {
  const check = (name: string, value: unknown): string | null => {
    if (value !== null && typeof value !== 'string') throw new TypeError(`${name} must be a string or null`);
    return value;
  };
  return { fallback: null, check, text: asWritten };
}

/** An object with these methods, or null. */
export function having<T extends object>(...methods: readonly string[]): OptionRule<T | null> {
  const check = (name: string, value: unknown): T | null => {
    if (value === null) return null;
    const object = typeof value === 'object' ? (value as Record<string, unknown>) : {};
    const missing = methods.find((method) => typeof object[method] !== 'function');
    if (missing !== undefined) throw new TypeError(`${name} must have a method ${missing}()`);
    return value as T;
  };
  return { fallback: null, check };
}

/** A function, or null. */
export function callback<F>(): OptionRule<F | null> {
  const check = (name: string, value: unknown): F | null => {
    if (value === null || typeof value === 'function') return value as F | null;
    throw new TypeError(`${name} must be a function`);
  };
  return { fallback: null, check };
}

export function asWritten(_name: string, value: string): string {
  return value;
}

function parseNumber(name: string, value: string): number {
  if (!/^\d+(\.\d+)?$/.test(value)) throw new TypeError(`${name} is not a number`);
  return Number(value);
}

function parseWhole(name: string, value: string): number {
  if (!/^\d+$/.test(value)) throw new TypeError(`${name} is not a whole number`);
  return Number(value);
}

const WORDS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['1', true],
  ['yes', true],
  ['on', true],
  ['false', false],
  ['0', false],
  ['no', false],
  ['off', false],
]);

export function parseBoolean(name: string, value: string): boolean {
  const meaning = WORDS.get(value.toLowerCase());
  if (meaning === undefined) throw new TypeError(`${name} must be one of ${[...WORDS.keys()].join(', ')}`);
  return meaning;
}

export interface Sorted {
  /** Options of the table that were given, checked. */
  readonly given: Readonly<Record<string, unknown>>;
  /** Options that are not in the table. */
  readonly others: Readonly<Record<string, unknown>>;
}

/** Splits own properties into options of the table and others; `undefined` counts as absent. */
export function sortOptions(table: RuleTable, input: unknown): Sorted {
  if (input !== undefined) demandObject(input);
  const given = concealed();
  const others = concealed();
  for (const [name, value] of Object.entries(input ?? {})) {
    if (value === undefined) continue;
    const rule = Object.hasOwn(table, name) ? table[name] : undefined;
    // Both records have no prototype, so `__proto__` is an ordinary key.
    if (rule === undefined) others[name] = value;
    else given[name] = rule.check(name, value);
  }
  return { given: Object.freeze(given), others: Object.freeze(others) };
}

/** The defaults of each table; all its records inherit from them. */
const defaults = new WeakMap<RuleTable, object>();

function defaultsOf(table: RuleTable): object {
  let record = defaults.get(table);
  if (record === undefined) {
    record = Object.freeze(
      concealed(Object.fromEntries(Object.entries(table).map(([name, rule]) => [name, rule.fallback]))),
    );
    defaults.set(table, record);
  }
  return record;
}

/**
 * Makes a record of the given options that inherits the defaults, which saves a copy for each connection. Spreading
 * the record copies only the given options; `changed` keeps the defaults.
 */
export function complete<R extends RuleTable>(
  table: R,
  given: Readonly<Record<string, unknown>>,
): ValuesOf<R> {
  const own = Object.entries(given).filter(([name]) => Object.hasOwn(table, name));
  return inheriting(defaultsOf(table), own) as ValuesOf<R>;
}

/** A record like the given one, with other values for some options. */
export function changed<T extends object>(record: T, values: Partial<T>): T {
  return inheriting(record, Object.entries(values)) as T;
}

function inheriting(from: object, values: readonly (readonly [string, unknown])[]): object {
  const record = Object.create(from) as object;
  for (const [name, value] of values) Object.defineProperty(record, name, { value, enumerable: true });
  return Object.freeze(record);
}

export function refuseUnknown(others: Readonly<Record<string, unknown>>): void {
  const [name] = Object.keys(others);
  if (name !== undefined) throw unknownOption(name);
}

const SECRETS: ReadonlySet<string> = new Set([
  'password',
  'sentinelPassword',
  'credentialProvider',
  'sslContext',
  'sentinelOptions',
]);

function withoutSecrets(record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  // `for … in` includes the inherited defaults.
  for (const name in record) {
    const value = record[name];
    shown[name] = SECRETS.has(name) && value !== null ? '[hidden]' : value;
  }
  return shown;
}

/** Inherits from null, so that nothing on Object.prototype is taken for an option. */
const concealing: object = Object.create(null, {
  toJSON: {
    value(this: Readonly<Record<string, unknown>>) {
      return withoutSecrets(this);
    },
  },
  [inspect.custom]: {
    value(this: Readonly<Record<string, unknown>>) {
      return withoutSecrets(this);
    },
  },
});

/** A record of options that shows no secret in `inspect` or JSON. */
export function concealed<T extends object = object>(values?: T): T & Record<string, unknown> {
  return Object.assign(Object.create(concealing) as Record<string, unknown>, values as T);
}
