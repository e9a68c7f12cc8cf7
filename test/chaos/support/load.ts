// Lanes that call pools in every way and tell the oracle.
import {
  type BaseConnection,
  type BaseConnectionPool,
  ConnectionError,
  type PoolRequestOptions,
  RedisError,
  type RedisValue,
} from '../../../src/index.ts';
import { RingQueue } from '../../../src/base/ring-queue.ts';
import { pick } from '../../support/random.ts';
import { ACCOUNTS, COUNTERS, keyOf, LISTS, type Oracle, type Register } from './oracle.ts';

export type ChaosPool = BaseConnectionPool<BaseConnection, true>;
type Call = Promise<unknown> & { readonly maybeExecuted?: boolean };

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The time for which this process was busy or stopped: no call can settle meanwhile. */
export class LoopClock {
  readonly #lags: [at: number, ms: number][] = [];
  #last = performance.now();
  readonly #timer = setInterval(() => {
    const now = performance.now();
    if (now - this.#last > 20) this.#lags.push([now, now - this.#last]);
    if (this.#lags.length > 10_000) this.#lags.splice(0, 5_000);
    this.#last = now;
  }, 5);

  lagSince(at: number): number {
    const open = performance.now() - this.#last;
    return this.#lags.reduce((sum, [when, ms]) => sum + (when >= at ? ms : 0), open);
  }
  stop(): void {
    clearInterval(this.#timer);
  }
}

export interface LoadOptions {
  readonly pool: ChaosPool;
  readonly oracle: Oracle;
  readonly clock: LoopClock;
  readonly random: () => number;
  readonly lanes: number;
  /** Calls that a lane makes at once; 1: each after the last. Every fourth lane makes one at a time all the same. */
  readonly width: number;
  /** Commands a second that are made up for after a fault, over all loads of the oracle; absent: lanes pause. */
  readonly pace: Pace | undefined;
  /** The longest pause between two calls of a lane, in milliseconds. */
  readonly pause: number;
  /** Share of calls that are aborted, and of those with a limit near the time they take. */
  readonly impatience: number;
  /** Replies may come from a cache: how old they may be is judged elsewhere. */
  readonly cached: boolean;
}

const LIMIT = 5_000;
const PATIENT = 4;

/** The largest speed-up after a fault; more would choke the recovery. */
const HASTE = 5;

/** Lets calls begin at a number of commands a second; what faults have delayed is made up for. */
export class Pace {
  readonly #began = performance.now();
  #last = performance.now();
  readonly #waiting = new RingQueue<() => void>();
  readonly #timer: NodeJS.Timeout;

  constructor(perSecond: number, oracle: Oracle) {
    this.#timer = setInterval(() => {
      const now = performance.now();
      const due = ((now - this.#began) / 1000) * perSecond;
      const most = ((now - this.#last) / 1000) * perSecond * HASTE;
      this.#last = now;
      for (let left = Math.min(due - oracle.operations, most); left > 0; left--) {
        const next = this.#waiting.shift();
        if (next === undefined) return;
        next();
      }
    }, 3);
  }
  turn(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
  /** Everybody's turn, so that lanes can end. */
  stop(): void {
    clearInterval(this.#timer);
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) next();
  }
}

/** One write at a time: the order of two would be nobody's promise. */
interface Writer {
  register: Register;
  busy: boolean;
}

export class Load {
  readonly #options: LoadOptions;
  readonly #held = new Set<BaseConnection>();
  readonly #signal = new AbortController();
  /** Calls that failed with their connection. */
  #lost = 0;
  #running = true;
  #lanes: Promise<void>[] = [];

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  start(): void {
    const { lanes, width } = this.#options;
    this.#lanes = Array.from({ length: lanes }, (_, at) =>
      width > 1 && at % PATIENT > 0 ? this.#broadLane(width) : this.#lane(),
    );
  }

  /** Resolves when every call has settled; complains about those that have not after 15 s. */
  async stop(): Promise<void> {
    this.#running = false;
    this.#options.pace?.stop();
    const late = sleep(15_000).then(() => 'late');
    const end = await Promise.race([Promise.all(this.#lanes), late]);
    if (end === 'late') this.#options.oracle.violation('unsettled: a lane hangs');
    this.#signal.abort();
  }

  async #lane(): Promise<void> {
    const { random, oracle, pause } = this.#options;
    const writer = { register: oracle.newRegister(), busy: false };
    const steps = [
      () => this.#echo(),
      () => this.#echo(),
      () => this.#write(writer),
      () => this.#read(),
      () => this.#read(),
      () => this.#count(),
      () => this.#push(),
      () => this.#pop(),
      () => this.#batch(),
      () => this.#transfer(),
      () => this.#bank(),
      () => this.#lease(),
    ];
    while (this.#running) {
      await pick(random, steps)();
      await sleep(random() * pause);
    }
  }

  /** Many calls at once, each of which is checked; none that takes a connection for itself. */
  async #broadLane(width: number): Promise<void> {
    const writer = { register: this.#options.oracle.newRegister(), busy: false };
    const [echo, read, count] = [() => this.#echo(), () => this.#read(), () => this.#count()];
    const [push, take] = [() => this.#push(), () => this.#take()];
    const write = () => (writer.busy ? this.#read() : this.#write(writer));
    const rare = [() => this.#batch(), () => this.#transfer(), () => this.#bank()];
    const steps = [echo, echo, echo, echo, write, write, read, read, count, count, push, push, take, take];
    steps.push(...rare);
    await Promise.all(Array.from({ length: width }, () => this.#strand(steps)));
  }

  /** One call after another at the pace of all; a moment's pause while calls fail. */
  async #strand(steps: readonly (() => Promise<void>)[]): Promise<void> {
    const { random, pause, pace } = this.#options;
    while (this.#running) {
      await (pace?.turn() ?? sleep(random() * pause));
      const lost = this.#lost;
      await pick(random, steps)();
      if (this.#lost > lost + PATIENT) await sleep(random() * 100);
    }
  }

  #limits(): PoolRequestOptions & { timeout: number } {
    const { random, impatience } = this.#options;
    const dice = random();
    if (dice < impatience / 2) return { timeout: 1 + random() * 20 };
    if (dice >= impatience) return { timeout: LIMIT };
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('aborted')), random() * 30);
    return { timeout: LIMIT, signal: controller.signal };
  }

  #send(command: string, args: RedisValue[], limits = this.#limits()): [Call, number] {
    return [this.#options.pool.executeRequest(command, args, limits), limits.timeout];
  }

  /** The value, or undefined when the call failed in a way that is allowed; late ones are violations. */
  async #outcome<T>(
    call: Promise<T>,
    name: string,
    timeout: number,
    { extra = 0, commands = 1 } = {},
  ): Promise<T | undefined> {
    const { oracle, clock } = this.#options;
    const began = performance.now();
    oracle.created++;
    oracle.operations += commands;
    let value: T | undefined;
    try {
      value = await call;
      oracle.right++;
    } catch (error) {
      const fine = error instanceof RedisError || (error instanceof Error && error.message === 'aborted');
      if (!fine) oracle.violation(`${name} rejected with ${String(error)}`);
      else oracle.failed(error);
      if (error instanceof ConnectionError) this.#lost++;
    }
    oracle.settled++;
    const late = performance.now() - began - timeout - extra;
    if (late > 500 && late > 500 + 2 * clock.lagSince(began))
      oracle.violation(`${name} settled ${Math.round(late)} ms late`);
    return value;
  }

  async #echo(): Promise<void> {
    const token = this.#options.oracle.token();
    const [call, timeout] = this.#send('ECHO', [token]);
    const value = await this.#outcome(call, 'ECHO', timeout);
    if (value !== undefined) this.#options.oracle.equal(value, token, 'ECHO');
  }

  async #write(writer: Writer): Promise<void> {
    const { oracle } = this.#options;
    const { register } = writer;
    const version = oracle.sent.get(register) + 1;
    oracle.sent.set(register, version);
    const key = keyOf(register);
    const [call, timeout] = this.#send('SET', [key, `${key}=${version}`]);
    writer.busy = true;
    const value = await this.#outcome(call, 'SET', timeout);
    writer.busy = false;
    if (value === 'OK') oracle.acknowledged.set(register, version);
    else if (value !== undefined) oracle.equal(value, 'OK', 'SET');
    // The server may run it at any later time, so this key proves nothing from now on.
    else if (call.maybeExecuted === true) writer.register = oracle.newRegister();
  }

  async #read(): Promise<void> {
    const { oracle, random, cached } = this.#options;
    const register = oracle.recentRegister(random);
    const floor = cached ? 0 : oracle.acknowledged.get(register);
    const [call, timeout] = this.#send('GET', [keyOf(register)]);
    const value = await this.#outcome(call, 'GET', timeout);
    if (value !== undefined) oracle.readRegister(register, value, floor);
  }

  async #count(): Promise<void> {
    const { oracle, random } = this.#options;
    const index = Math.floor(random() * COUNTERS);
    const [call, timeout] = this.#send('INCR', [`counter:${index}`]);
    const value = await this.#outcome(call, 'INCR', timeout);
    if (value !== undefined) oracle.counted(index, value);
    else if (call.maybeExecuted === true) oracle.counters[index]!.perhaps++;
  }

  async #push(): Promise<void> {
    const { oracle, random } = this.#options;
    const element = oracle.newElement();
    const [call, timeout] = this.#send('RPUSH', [`list:${Math.floor(random() * LISTS)}`, element]);
    if ((await this.#outcome(call, 'RPUSH', timeout)) !== undefined) oracle.pushedElement(element);
    else if (call.maybeExecuted !== true) oracle.unsentElement(element);
  }

  async #pop(): Promise<void> {
    const { oracle, random } = this.#options;
    const list = `list:${Math.floor(random() * LISTS)}`;
    const [call, timeout] = this.#send('BLPOP', [list, 0.05 + random() / 10]);
    // A blocked server gets a second to say how the call ended.
    const value = await this.#outcome(call, 'BLPOP', timeout, { extra: 1_000 });
    if (value === undefined && call.maybeExecuted === true) oracle.perhapsPopped++;
    if (value === undefined || value === null) return;
    if (!Array.isArray(value) || value[0] !== list)
      return oracle.violation(`crossed: BLPOP got ${String(value)}`);
    oracle.poppedElement(value[1]);
  }

  async #take(): Promise<void> {
    const { oracle, random } = this.#options;
    const [call, timeout] = this.#send('LPOP', [`list:${Math.floor(random() * LISTS)}`]);
    const value = await this.#outcome(call, 'LPOP', timeout);
    if (value === undefined && call.maybeExecuted === true) oracle.perhapsPopped++;
    if (value !== undefined && value !== null) oracle.poppedElement(value);
  }

  async #batch(): Promise<void> {
    const { oracle, pool } = this.#options;
    const tokens = Array.from({ length: 5 }, () => oracle.token());
    const limits = this.#limits();
    const commands = tokens.map((token) => ({
      command: 'SET',
      args: [`batch:${token}`, token, 'PX', 10_000, 'GET'],
    }));
    const mixed = commands.map(({ args }, at) =>
      at % 2 === 0 ? { command: 'SET', args } : { command: 'GET', args: [`batch:${tokens[at - 1]}`] },
    );
    const values = await this.#outcome(pool.executeBatch(mixed, limits), 'batch', limits.timeout, {
      commands: mixed.length,
    });
    if (values === undefined) return oracle.violation('a batch rejected');
    for (const [at, value] of values.entries()) {
      if (value instanceof Error || value === null) continue;
      oracle.equal(value, at % 2 === 0 ? tokens[at] : tokens[at - 1], 'batch');
    }
  }

  async #transfer(): Promise<void> {
    const { pool, random, oracle } = this.#options;
    const [from, to] = [pick(random, ACCOUNTS), pick(random, ACCOUNTS)];
    const limits = this.#limits();
    const commands = [
      { command: 'DECRBY', args: [from, 7] },
      { command: 'INCRBY', args: [to, 7] },
    ];
    const values = await this.#outcome(pool.transaction(commands, limits), 'transaction', limits.timeout, {
      commands: commands.length,
    });
    if (values !== undefined && (!Array.isArray(values) || values.length !== 2))
      oracle.violation(`crossed: EXEC got ${String(values)}`);
  }

  async #bank(): Promise<void> {
    const [call, timeout] = this.#send('MGET', [...ACCOUNTS]);
    const values = await this.#outcome(call, 'MGET', timeout);
    // A cache answers MGET key by key: its values may be of different moments.
    if (values !== undefined && !this.#options.cached) this.#options.oracle.bankSum(values);
  }

  /** One holder a connection, and it is as the pool's options say; left dirty in one case of three. */
  async #lease(): Promise<void> {
    const { pool, oracle, random } = this.#options;
    const lease = await this.#outcome(pool.acquire({ timeout: LIMIT }), 'acquire', LIMIT);
    if (lease === undefined) return;
    const { connection } = lease;
    if (this.#held.has(connection)) oracle.violation('one connection is leased to two holders');
    this.#held.add(connection);
    const token = oracle.token();
    try {
      const info = await connection.createRequest('ECHO', [token], { timeout: 1_000 });
      oracle.equal(info, token, 'ECHO of a lease');
      const dice = random();
      if (dice < 0.15) await connection.createRequest('CLIENT', ['SETNAME', 'dirty'], { timeout: 1_000 });
      else if (dice < 0.3) await connection.createRequest('MULTI', [], { timeout: 1_000 });
      else if (dice < 0.5) {
        const name = await connection.createRequest('CLIENT', ['GETNAME'], { timeout: 1_000 });
        if (name !== null && name !== '') oracle.violation(`a lease began with the name ${String(name)}`);
      }
    } catch (error) {
      if (!(error instanceof RedisError)) oracle.violation(`a lease: ${String(error)}`);
      else oracle.failed(error);
    }
    this.#held.delete(connection);
    lease.release();
  }
}
