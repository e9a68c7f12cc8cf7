// Everything at once against a server behind a bad line. RESPOOL_SEED repeats a run, RESPOOL_FULL=1 makes it long.
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import {
  type BaseConnection,
  ConnectionPool,
  type ConnectionPoolOptions,
  LRUCache,
} from '../../src/index.ts';
import { FaultProxy, startServer } from '../../src/testkit/index.ts';
import { atRest, sleep } from '../conformance/pool/support.ts';
import { randomOf } from '../support/random.ts';

const seed = Number(process.env['RESPOOL_SEED'] ?? 20_261_122);
const duration = process.env['RESPOOL_FULL'] === '1' ? 60_000 : 5_000;
const LANES = 12;
const BAD_LINE = { truncate: 0.007, 'black-hole': 0.003, delay: 0.02, slice: 0.07 };

type Pool = ConnectionPool<BaseConnection, true>;
type Call = Promise<unknown> & { readonly maybeExecuted: boolean };
interface Book {
  acknowledged: number;
  perhaps: number;
  readonly pushed: Set<string>;
  readonly popped: Set<string>;
  perhapsPopped: number;
}

/** The violations of a run, printed at its end with the seed. */
class Complaints {
  readonly all: string[] = [];
  /** The times when this process was busy. */
  readonly #lags: [at: number, ms: number][] = [];
  readonly #timer: NodeJS.Timeout;
  #last = performance.now();

  constructor() {
    this.#timer = setInterval(() => {
      const now = performance.now();
      if (now - this.#last > 15) this.#lags.push([now, now - this.#last]);
      this.#last = now;
    }, 5);
  }
  add(text: string): void {
    this.all.push(text);
  }
  equal(actual: unknown, expected: unknown, what: string): void {
    if (actual !== expected)
      this.add(`${what}: ${String(actual).slice(0, 60)} instead of ${String(expected)}`);
  }
  lagSince(at: number): number {
    const now = performance.now() - this.#last;
    return this.#lags.reduce((sum, [when, ms]) => sum + (when >= at ? ms : 0), now);
  }
  end(): void {
    clearInterval(this.#timer);
  }
}

/** Limits for one call, and the promise that they are kept. */
class Limits {
  readonly options: { timeout?: number; signal?: AbortSignal } = {};
  readonly #began = performance.now();
  #due = Number.POSITIVE_INFINITY;

  constructor(random: () => number, signals: AbortSignal[]) {
    if (random() < 0.4) {
      this.options.timeout = random() < 0.3 ? 1 + random() * 10 : 20 + random() * 800;
      this.#due = this.#began + this.options.timeout;
    }
    if (random() < 0.3) this.#abortWithin(random() * 100, signals);
  }
  late(extra: number, complaints: Complaints): number {
    const late = performance.now() - Math.max(this.#due, this.#began) - extra;
    return late > 150 + 2 * complaints.lagSince(this.#began - 50) ? late : 0;
  }
  #abortWithin(ms: number, signals: AbortSignal[]): void {
    const controller = new AbortController();
    this.options.signal = controller.signal;
    signals.push(controller.signal);
    setTimeout(() => {
      this.#due = Math.min(this.#due, performance.now());
      controller.abort(new Error('aborted'));
    }, ms);
  }
}

class Load {
  readonly book: Book = {
    acknowledged: 0,
    perhaps: 0,
    pushed: new Set(),
    popped: new Set(),
    perhapsPopped: 0,
  };
  readonly #pool: Pool;
  readonly #random: () => number;
  readonly #complaints: Complaints;
  readonly #signals: AbortSignal[];
  #tokens = 0;
  running = true;
  right = 0;

  constructor(pool: Pool, random: () => number, complaints: Complaints, signals: AbortSignal[]) {
    this.#pool = pool;
    this.#random = random;
    this.#complaints = complaints;
    this.#signals = signals;
  }

  async lane(name: string): Promise<void> {
    const steps = [
      this.#echo,
      this.#get,
      this.#echo,
      this.#count,
      this.#push,
      this.#pop,
      this.#batch,
      this.#lease,
    ];
    while (this.running) {
      const step = steps[Math.floor(this.#random() * steps.length)] as (name: string) => Promise<void>;
      await step.call(this, name);
      await sleep(this.#random() * 15);
      if (this.#random() < 0.003) this.#pool.disconnect();
    }
  }

  /** The reply, or undefined when it failed in one of the ways that are allowed. */
  async #outcome<T>(call: Promise<T>, what: string, limits: Limits, extra = 0): Promise<T | undefined> {
    let value: T | undefined;
    try {
      value = await call;
      this.right++;
    } catch (error) {
      if (!(error instanceof Error) || error instanceof TypeError)
        this.#complaints.add(`${what}: ${String(error)}`);
    }
    const late = limits.late(extra, this.#complaints);
    if (late > 0) this.#complaints.add(`${what} settled ${Math.round(late)} ms late`);
    return value;
  }

  async #echo(lane: string): Promise<void> {
    const limits = this.#limits();
    const token = `${lane}:${this.#tokens++}`;
    const value = await this.#outcome(
      this.#pool.executeRequest('ECHO', [token], limits.options),
      'ECHO',
      limits,
    );
    if (value !== undefined) this.#complaints.equal(value, token, 'ECHO');
  }
  async #get(): Promise<void> {
    const limits = this.#limits();
    const key = `key:${Math.floor(this.#random() * 8)}`;
    const value = await this.#outcome(this.#pool.executeRequest('GET', [key], limits.options), 'GET', limits);
    if (value !== undefined) this.#complaints.equal(value, key, 'GET');
  }
  async #count(): Promise<void> {
    const limits = this.#limits();
    const call = this.#pool.executeRequest('INCR', ['counter'], limits.options) as Call;
    const value = await this.#outcome(call, 'INCR', limits);
    if (value !== undefined) this.book.acknowledged++;
    else if (call.maybeExecuted) this.book.perhaps++;
  }
  async #push(lane: string): Promise<void> {
    const limits = this.#limits();
    const element = `${lane}:${this.#tokens++}`;
    const call = this.#pool.executeRequest('RPUSH', ['list', element], limits.options);
    if ((await this.#outcome(call, 'RPUSH', limits)) !== undefined) this.book.pushed.add(element);
  }
  async #pop(): Promise<void> {
    const limits = this.#limits();
    const call = this.#pool.executeRequest('BLPOP', ['list', 0.1], limits.options) as Call;
    // A blocked server gets a second to say what became of it.
    const value = await this.#outcome(call, 'BLPOP', limits, 1_000);
    if (value === undefined && call.maybeExecuted) this.book.perhapsPopped++;
    if (!Array.isArray(value)) return;
    const [, element] = value as string[];
    if (this.book.popped.has(element as string)) this.#complaints.add(`${element} was popped twice`);
    this.book.popped.add(element as string);
  }
  async #batch(lane: string): Promise<void> {
    const limits = this.#limits();
    const tokens = Array.from({ length: 5 }, () => `${lane}:${this.#tokens++}`);
    const commands = tokens.map((token) => ({ command: 'ECHO', args: [token] }));
    const values = await this.#outcome(this.#pool.executeBatch(commands, limits.options), 'batch', limits);
    if (values === undefined) return this.#complaints.add('a batch rejected');
    for (const [index, value] of values.entries())
      if (!(value instanceof Error)) this.#complaints.equal(value, tokens[index], 'batch');
  }
  /** Left dirty, left early, or given up. */
  async #lease(lane: string): Promise<void> {
    const limits = this.#limits();
    const lease = await this.#outcome(this.#pool.acquire(limits.options), 'acquire', limits);
    if (lease === undefined) return;
    using held = lease;
    const { connection } = held;
    const token = `${lane}:${this.#tokens++}`;
    try {
      const dice = this.#random();
      if (dice < 0.2) connection.createRequest('SELECT', [1]);
      else if (dice < 0.4) connection.createRequest('MULTI');
      else if (dice < 0.5) connection.sendCommand('CLIENT REPLY', ['SKIP']);
      const echo = connection.createRequest('ECHO', [token]);
      if (dice > 0.7) this.#complaints.equal(await echo, token, 'ECHO of a lease');
      else if (dice > 0.6)
        await connection.createRequest('PING', [], { timeout: 5, disconnectOnCancellation: true });
    } catch (error) {
      if (error instanceof TypeError) this.#complaints.add(`lease: ${String(error)}`);
    }
  }

  #limits(): Limits {
    return new Limits(this.#random, this.#signals);
  }
}

function watchGauges(pools: readonly Pool[], complaints: Complaints): NodeJS.Timeout {
  return setInterval(() => {
    for (const { statistics: now } of pools) {
      if (now.activeConnections + now.connectingConnections > now.maxConnections)
        complaints.add(`the bound: ${JSON.stringify(now)}`);
      if (now.activeConnections !== now.inUseConnections + now.idleConnections)
        complaints.add(`the sum: ${JSON.stringify(now)}`);
    }
  }, 3);
}

test(`calls, leases and blocking calls over a bad line get their own replies and leave nothing (seed ${seed})`, async () => {
  const random = randomOf(seed);
  await using server = await startServer();
  await using proxy = await FaultProxy.start(server, { seed, rates: BAD_LINE });
  for (let key = 0; key < 8; key++) await server.command('SET', `key:${key}`, `key:${key}`);
  const common = { connectTimeout: 500, timeout: 1_000, streamTimeout: 500, deadPeerTimeout: 400 };
  const kinds: Partial<ConnectionPoolOptions<BaseConnection, true>>[] = [
    { maxConnections: 1 },
    { maxConnections: 2, maxLifetime: 200, maxIdleTime: 100 },
    { maxConnections: 8, maxWaiting: 10 },
    { maxConnections: 2, cache: new LRUCache() },
    { maxConnections: 2, cache: new LRUCache(), cacheTracking: { redirect: true } },
  ];
  const { location } = proxy;
  const pools = kinds.map(
    (kind) => new ConnectionPool({ location, decodeResponses: true, ...common, ...kind }) as Pool,
  );
  const complaints = new Complaints();
  const onWarning = (warning: Error): void => complaints.add(String(warning));
  process.on('warning', onWarning);
  const gauges = watchGauges(pools, complaints);
  const signals: AbortSignal[] = [];
  const loads = pools.map((pool) => new Load(pool, random, complaints, signals));
  const lanes = loads.flatMap((load, index) =>
    Array.from({ length: LANES }, (_, lane) => load.lane(`${index}:${lane}`)),
  );
  try {
    for (
      const end = performance.now() + duration;
      performance.now() < end;
      await sleep(100 + random() * 400)
    ) {
      const dice = random();
      if (dice < 0.3) await server.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      else if (dice < 0.5) proxy.reset();
      else if (dice < 0.7) await server.command('DEBUG', 'SLEEP', String(random() * 0.3));
      if (dice > 0.85) proxy.resetDials();
      else await proxy.accept();
    }
  } finally {
    await proxy.heal();
    for (const load of loads) load.running = false;
  }
  await Promise.all(lanes);
  for (const pool of pools) {
    await atRest(pool);
    assert.equal(await pool.executeRequest('ECHO', ['well'], { timeout: 3_000 }), 'well');
  }
  clearInterval(gauges);
  const listeners = () => signals.reduce((sum, signal) => sum + getEventListeners(signal, 'abort').length, 0);
  const patience = performance.now() + 2_000;
  while (listeners() > 0 && performance.now() < patience) await sleep(5);
  complaints.equal(listeners(), 0, 'listeners');

  const sum = (count: (load: Load) => number): number =>
    loads.reduce((total, load) => total + count(load), 0);
  const counter = Number(await server.command('GET', 'counter'));
  const acknowledged = sum(({ book }) => book.acknowledged);
  assert.ok(counter >= acknowledged, `${acknowledged} INCRs acknowledged, ${counter} executed`);
  const possible = acknowledged + sum(({ book }) => book.perhaps);
  assert.ok(counter <= possible, `${possible} INCRs may have been executed, ${counter} were`);
  const left = new Set(((await server.command('LRANGE', 'list', '0', '-1')) as Buffer[]).map(String));
  const popped = new Set(loads.flatMap(({ book }) => [...book.popped]));
  const pushed = loads.flatMap(({ book }) => [...book.pushed]);
  const lost = pushed.filter((element) => !popped.has(element) && !left.has(element));
  assert.ok(lost.length <= sum(({ book }) => book.perhapsPopped), `${lost.length} elements are lost`);
  assert.deepEqual(
    [...popped].filter((element) => left.has(element)),
    [],
  );

  await Promise.all(pools.map((pool) => pool.close({ timeout: 500 })));
  for (const { statistics } of pools)
    assert.equal(statistics.activeConnections + statistics.serviceConnections + statistics.waiting, 0);
  complaints.end();
  process.off('warning', onWarning);
  assert.deepEqual(complaints.all, [], `seed ${seed}`);
  for (const load of loads) assert.ok(load.right > 0, 'nothing went well');
});
