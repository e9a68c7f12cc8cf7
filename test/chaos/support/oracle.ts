// Knows from the calls alone what the servers may hold and what a reply may be.
import { inspect } from 'node:util';
import type { RedisValue } from '../../../src/index.ts';

/** Asks the servers behind the back of the pools that are on trial. */
export type Ask = (command: string, ...args: RedisValue[]) => Promise<unknown>;

export const COUNTERS = 4;
export const LISTS = 4;
export const ACCOUNTS = ['{bank}:a', '{bank}:b', '{bank}:c', '{bank}:d', '{bank}:e'];
const DEPOSIT = 1_000;

/**
 * A key with one writer: the writer leaves it after the first write whose fate it does not know. It is a number, because
 * a run leaves a hundred thousand of them.
 */
export type Register = number;
export const keyOf = (register: Register): string => `register:${register}`;

/** In every password of a run; no error may show it. */
export const CANARY = 'canary-7f3a';
/** One error of so many of a name is searched for it. */
const LOOKED_AT = 100;

/** The number of registers read at once. */
const AUDIT = 500;

interface Counter {
  acknowledged: number;
  perhaps: number;
  readonly seen: Column;
}

const CHUNK = 1 << 14;

/** A number for each index, 0 at first, outside the heap and in portions: a run has millions. */
class Column {
  readonly #chunks: (Uint8Array | Uint32Array)[] = [];
  readonly #make: () => Uint8Array | Uint32Array;

  constructor(make: () => Uint8Array | Uint32Array) {
    this.#make = make;
  }
  get(index: number): number {
    return this.#chunks[Math.floor(index / CHUNK)]?.[index % CHUNK] ?? 0;
  }
  set(index: number, value: number): void {
    (this.#chunks[Math.floor(index / CHUNK)] ??= this.#make())[index % CHUNK] = value;
  }
}
const marks = (): Column => new Column(() => new Uint8Array(CHUNK));
const versions = (): Column => new Column(() => new Uint32Array(CHUNK));

/** The known state of an element of a list. */
const SENT = 1;
const PUSHED = 2;
const POPPED = 4;
const LEFT = 8;

export class Oracle {
  readonly violations: string[] = [];
  /** Acknowledged writes may be gone: a server died or a replica took over. */
  durable = true;
  /** Commands of lanes, each of which is checked. */
  operations = 0;
  right = 0;
  created = 0;
  settled = 0;
  readonly errors = new Map<string, number>();
  /** The newest version of each register that was acknowledged, and the newest that was sent. */
  readonly acknowledged = versions();
  readonly sent = versions();
  #registers = 0;
  readonly counters: Counter[] = Array.from({ length: COUNTERS }, () => ({
    acknowledged: 0,
    perhaps: 0,
    seen: marks(),
  }));
  perhapsPopped = 0;
  readonly #elements = marks();
  #lastElement = 0;
  #tokens = 0;

  violation(text: string): void {
    if (this.violations.length < 100) this.violations.push(text);
  }

  equal(actual: unknown, expected: unknown, call: string): void {
    if (actual !== expected)
      this.violation(`crossed: ${call} got ${String(actual).slice(0, 80)} instead of ${String(expected)}`);
  }

  token(): string {
    return `token:${this.#tokens++}`;
  }

  failed(error: Error): void {
    const name = `${error.name}${'code' in error ? ` ${String(error.code)}` : ''}`;
    const before = this.errors.get(name) ?? 0;
    this.errors.set(name, before + 1);
    if (before % LOOKED_AT === 0 && inspect(error, { depth: 10 }).includes(CANARY))
      this.violation(`${name} shows a password`);
  }

  /** A register for a writer; readers meet it from its first acknowledged version on. */
  newRegister(): Register {
    return this.#registers++;
  }
  /** One of the newest registers. */
  recentRegister(random: () => number): Register {
    const recent = Math.min(64, this.#registers);
    return this.#registers - 1 - Math.floor(random() * recent);
  }

  /** `floor`: the version that was acknowledged before the read began. */
  readRegister(register: Register, value: unknown, floor: number): void {
    const key = keyOf(register);
    const sent = this.sent.get(register);
    if (value === null) {
      if (floor > 0 && this.durable)
        this.violation(`lost: ${key} is gone, version ${floor} was acknowledged`);
      return;
    }
    const [, owner, version] = /^(.*)=(\d+)$/.exec(String(value)) ?? [];
    if (owner !== key) return this.violation(`crossed: GET ${key} got ${String(value).slice(0, 80)}`);
    if (Number(version) > sent)
      this.violation(`${key} holds version ${version}, ${sent} is the last one sent`);
    if (Number(version) < floor && this.durable)
      this.violation(`stale: ${key} holds version ${version}, ${floor} was acknowledged`);
  }

  counted(index: number, value: unknown): void {
    const counter = this.counters[index] as Counter;
    counter.acknowledged++;
    if (typeof value !== 'number') return this.violation(`crossed: INCR got ${String(value).slice(0, 80)}`);
    if (counter.seen.get(value) > 0 && this.durable)
      this.violation(`counter ${index}: ${value} was given twice`);
    counter.seen.set(value, 1);
  }

  /** An element that is about to be pushed. */
  newElement(): string {
    this.#elements.set(++this.#lastElement, SENT);
    return `element:${this.#lastElement}`;
  }
  pushedElement(element: string): void {
    this.#mark(element, PUSHED);
  }
  /** The element was certainly not pushed. */
  unsentElement(element: string): void {
    this.#elements.set(numberOf(element), 0);
  }
  poppedElement(element: unknown): void {
    const known = this.#mark(element, POPPED);
    if (known === 0) return this.violation(`popped ${String(element).slice(0, 80)}, which nobody has pushed`);
    if ((known & POPPED) !== 0 && this.durable) this.violation(`${String(element)} was popped twice`);
  }

  /** The state before; 0 means it was never sent. */
  #mark(element: unknown, mark: number): number {
    const at = numberOf(element);
    const known = this.#elements.get(at);
    if (known !== 0) this.#elements.set(at, known | mark);
    return known;
  }

  async openBank(ask: Ask): Promise<void> {
    for (const account of ACCOUNTS) await ask('SET', account, DEPOSIT);
  }

  bankSum(values: unknown): void {
    if (!Array.isArray(values) || values.length !== ACCOUNTS.length)
      return this.violation(`crossed: MGET of the bank got ${String(values).slice(0, 80)}`);
    if (values.includes(null)) return;
    const sum = values.reduce((total: number, value) => total + Number(value), 0);
    if (sum !== DEPOSIT * ACCOUNTS.length)
      this.violation(`money: ${sum} instead of ${DEPOSIT * ACCOUNTS.length} (${values.join(', ')})`);
  }

  /** After all is healed and at rest. */
  async audit(ask: Ask): Promise<void> {
    if (this.created !== this.settled) this.violation(`${this.created - this.settled} calls never settled`);
    this.bankSum(await Promise.all(ACCOUNTS.map((account) => ask('GET', account))));
    for (let first = 0; first < this.#registers; first += AUDIT) {
      const length = Math.min(AUDIT, this.#registers - first);
      const portion = Array.from({ length }, (_, at) => first + at);
      const values = await Promise.all(portion.map((register) => ask('GET', keyOf(register))));
      for (const [at, register] of portion.entries())
        this.readRegister(register, values[at], this.acknowledged.get(register));
    }
    for (const [index, { acknowledged, perhaps }] of this.counters.entries()) {
      const value = Number((await ask('GET', `counter:${index}`)) ?? 0);
      if (value < acknowledged && this.durable)
        this.violation(`counter ${index}: ${acknowledged} acknowledged, ${value} executed`);
      if (value > acknowledged + perhaps)
        this.violation(`counter ${index}: ${value} executed, at most ${acknowledged + perhaps} were sent`);
    }
    await this.#auditLists(ask);
  }

  async #auditLists(ask: Ask): Promise<void> {
    for (let index = 0; index < LISTS; index++)
      for (const element of (await ask('LRANGE', `list:${index}`, 0, -1)) as unknown[]) {
        const text = String(element);
        const known = this.#mark(element, LEFT);
        if (known === 0) this.violation(`${text.slice(0, 80)} was never pushed`);
        else if ((known & LEFT) !== 0 || ((known & POPPED) !== 0 && this.durable))
          this.violation(`${text} is there twice`);
      }
    let lost = 0;
    for (let at = 1; at <= this.#lastElement; at++)
      if ((this.#elements.get(at) & (PUSHED | POPPED | LEFT)) === PUSHED) lost++;
    if (lost > this.perhapsPopped && this.durable)
      this.violation(`${lost} elements are lost, ${this.perhapsPopped} pops have an unknown end`);
  }
}

/** 0: it is no element. */
function numberOf(element: unknown): number {
  return Number(/^element:(\d+)$/.exec(String(element))?.[1] ?? 0);
}
