// Knows from the calls alone what the servers may hold and what a reply may be.
import type { RedisValue } from '../../../src/index.ts';

/** Asks the servers behind the back of the pools that are on trial. */
export type Ask = (command: string, ...args: RedisValue[]) => Promise<unknown>;

export const COUNTERS = 4;
export const LISTS = 4;
export const ACCOUNTS = ['{bank}:a', '{bank}:b', '{bank}:c', '{bank}:d', '{bank}:e'];
const DEPOSIT = 1_000;

/** A key with one writer: the writer leaves it after the first write whose fate it does not know. */
interface Register {
  readonly key: string;
  /** The newest version that was acknowledged, and the newest that was sent. */
  acknowledged: number;
  sent: number;
}

interface Counter {
  acknowledged: number;
  perhaps: number;
  readonly seen: Set<number>;
}

export class Oracle {
  readonly violations: string[] = [];
  /** Acknowledged writes may be gone: a server died or a replica took over. */
  durable = true;
  operations = 0;
  right = 0;
  created = 0;
  settled = 0;
  readonly errors = new Map<string, number>();
  readonly registers: Register[] = [];
  readonly counters: Counter[] = Array.from({ length: COUNTERS }, () => ({
    acknowledged: 0,
    perhaps: 0,
    seen: new Set(),
  }));
  readonly pushed = new Set<string>();
  readonly perhapsPushed = new Set<string>();
  readonly popped = new Set<string>();
  perhapsPopped = 0;
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
    this.errors.set(name, (this.errors.get(name) ?? 0) + 1);
  }

  /** A register for a writer; readers meet it from its first acknowledged version on. */
  newRegister(): Register {
    const register = { key: `register:${this.registers.length}`, acknowledged: 0, sent: 0 };
    this.registers.push(register);
    return register;
  }

  /** `floor`: the version that was acknowledged before the read began. */
  readRegister({ key, sent }: Register, value: unknown, floor: number): void {
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
    if (counter.seen.has(value) && this.durable) this.violation(`counter ${index}: ${value} was given twice`);
    counter.seen.add(value);
  }

  poppedElement(element: unknown): void {
    const text = String(element);
    if (!this.pushed.has(text) && !this.perhapsPushed.has(text))
      return this.violation(`popped ${text.slice(0, 80)}, which nobody has pushed`);
    if (this.popped.has(text) && this.durable) this.violation(`${text} was popped twice`);
    this.popped.add(text);
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
    for (const register of this.registers)
      this.readRegister(register, await ask('GET', register.key), register.acknowledged);
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
    const left = new Set<string>();
    for (let index = 0; index < LISTS; index++)
      for (const element of (await ask('LRANGE', `list:${index}`, 0, -1)) as unknown[]) {
        const text = String(element);
        if (left.has(text) || (this.popped.has(text) && this.durable))
          this.violation(`${text} is there twice`);
        left.add(text);
      }
    for (const element of left)
      if (!this.pushed.has(element) && !this.perhapsPushed.has(element))
        this.violation(`${element} was never pushed`);
    const lost = [...this.pushed].filter((element) => !this.popped.has(element) && !left.has(element));
    if (lost.length > this.perhapsPopped && this.durable)
      this.violation(`${lost.length} elements are lost, ${this.perhapsPopped} pops have an unknown end`);
  }
}
