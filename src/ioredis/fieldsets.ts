import type { RedisValue } from '../resp/types.ts';
import type { Command } from './command.ts';
import { isOfServer, replyErrorOf } from './errors.ts';

/** A fieldset of `HIMPORT`: values of `HIMPORT SET` are paired with its fields in order. */
export interface HimportFieldset {
  readonly name: string | Buffer;
  readonly fields: readonly (string | Buffer)[];
}

/** Checks the option `himportFieldsets`; throws `TypeError` unless it is a list of fieldsets. */
export function fieldsetsOf(
  given: readonly HimportFieldset[] | null | undefined,
): readonly HimportFieldset[] | null {
  if (given === undefined || given === null) return null;
  if (!Array.isArray(given)) throw new TypeError('himportFieldsets must be an array');
  const names = new Set<string>();
  const copies = given.map((one: unknown) => {
    const { name, fields } = (one ?? {}) as Partial<HimportFieldset>;
    if (!isWord(name)) throw new TypeError('the name of a HIMPORT fieldset must be text or bytes');
    if (!Array.isArray(fields) || !fields.every(isWord))
      throw new TypeError('the fields of a HIMPORT fieldset must be an array of text or bytes');
    if (names.has(keyOf(name))) throw new TypeError('two HIMPORT fieldsets have one name');
    names.add(keyOf(name));
    return Object.freeze({ name: copyOf(name), fields: Object.freeze(fields.map(copyOf)) });
  });
  return copies.length === 0 ? null : Object.freeze(copies);
}

function isWord(value: unknown): value is string | Buffer {
  return typeof value === 'string' || Buffer.isBuffer(value);
}
function copyOf(word: string | Buffer): string | Buffer {
  return typeof word === 'string' ? word : Buffer.from(word);
}
function keyOf(word: string | Buffer): string {
  return Buffer.from(word as string).toString('latin1');
}

/** The subcommand of a `HIMPORT`, in upper case. */
export function himportKind({ args: [word] }: Command): string {
  return word === undefined ? '' : String(word).toUpperCase();
}

/** The fieldsets prepared on one connection. */
export class PreparedFieldsets {
  readonly #fieldsets = new Map<string, HimportFieldset>();
  readonly #prepare: (args: RedisValue[]) => Promise<unknown>;
  /** The pending or finished preparation of each fieldset. */
  readonly #known = new Map<HimportFieldset, Promise<void>>();

  constructor(fieldsets: readonly HimportFieldset[], prepare: (args: RedisValue[]) => Promise<unknown>) {
    for (const fieldset of fieldsets) this.#fieldsets.set(keyOf(fieldset.name), fieldset);
    this.#prepare = prepare;
  }

  /** The fieldset of a `HIMPORT SET`; undefined if the options do not list it. */
  of(command: Command): HimportFieldset | undefined {
    const name = command.args[2];
    if (command.name !== 'himport' || himportKind(command) !== 'SET' || !isWord(name)) return undefined;
    return this.#fieldsets.get(keyOf(name));
  }

  /** Prepares a fieldset, unless that was done already. */
  prepare(fieldset: HimportFieldset): Promise<void> {
    let known = this.#known.get(fieldset);
    if (known === undefined) {
      const mine = this.#prepare(['PREPARE', fieldset.name, ...fieldset.fields]).then(
        () => {},
        (error: unknown) => {
          if (this.#known.get(fieldset) === known) this.#known.delete(fieldset);
          throw error;
        },
      );
      known = mine;
      this.#known.set(fieldset, mine);
    }
    return known;
  }

  /** Prepares all fieldsets; calls `refused` for each that the server refuses. */
  async prepareAll(refused: (error: Error) => void): Promise<void> {
    const told = (error: unknown): void => {
      if (isOfServer(error)) refused(replyErrorOf(error));
    };
    await Promise.all([...this.#fieldsets.values()].map((one) => this.prepare(one).catch(told)));
  }

  /** Prepares the fieldsets that the commands of a pipeline need. */
  async prepareFor(commands: readonly Command[]): Promise<void> {
    const wanted = new Set(commands.flatMap((command) => this.of(command) ?? []));
    await Promise.all([...wanted].map((one) => this.prepare(one)));
  }

  /** Notes that the connection has lost one fieldset, or all. */
  forget(fieldset?: HimportFieldset): void {
    if (fieldset === undefined) this.#known.clear();
    else this.#known.delete(fieldset);
  }

  /** Sends a `HIMPORT SET` after preparing its fieldset; repeats it once if the server has lost the fieldset. */
  async send<T>(fieldset: HimportFieldset, send: () => Promise<T>): Promise<T> {
    await this.prepare(fieldset);
    try {
      return await send();
    } catch (error) {
      // The last word of the message is masked if it is also an argument.
      if (!/^ERR no such (?:fieldset|…)/i.test((error as Error).message)) throw error;
    }
    this.forget(fieldset);
    await this.prepare(fieldset);
    return send();
  }
}

/** The fieldsets for one connection; null if the options list none. */
export function fieldsetsOn(
  { himportFieldsets, monitor }: Settings,
  prepare: (args: RedisValue[]) => Promise<unknown>,
): PreparedFieldsets | null {
  return himportFieldsets?.length && !monitor ? new PreparedFieldsets(himportFieldsets, prepare) : null;
}

interface Settings {
  readonly himportFieldsets?: readonly HimportFieldset[] | undefined;
  readonly monitor?: boolean | undefined;
}

/** Rejects after `limit` ms as `commandTimeout` does; `over()` tells `run` that this has happened. */
export function within<T>(limit: number | undefined, run: (over: () => boolean) => Promise<T>): Promise<T> {
  let over = false;
  if (typeof limit !== 'number' || limit <= 0) return run(() => over);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      over = true;
      reject(new Error('Command timed out'));
    }, limit);
    run(() => over)
      .then(resolve, reject)
      .finally(() => clearTimeout(timer));
  });
}
