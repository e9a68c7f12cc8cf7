import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import {
  AbstractCredentialProvider,
  ConnectionPool,
  type ConnectionPoolOptions,
  LRUCache,
} from '../../../src/index.ts';
import { FaultProxy, startServer } from '../../../src/testkit/index.ts';
import { randomOf } from '../../support/random.ts';
import { type ChaosPool, sleep } from '../support/load.ts';
import { CANARY } from '../support/oracle.ts';
import type { Fault, Stage } from '../support/run.ts';

/**
 * Faults that a client can notice. Garbage on the way to a server is none: the server answers it with some other number
 * of replies, and nobody can tell which is whose.
 */
export const BAD_LINE = {
  truncate: 0.0004,
  reset: 0.0002,
  'half-close': 0.0001,
  'black-hole': 0.0001,
  delay: 0.005,
  slice: 0.03,
};

/** The same for thousands of frames a second. */
export const BRISK_LINE = Object.fromEntries(
  Object.entries(BAD_LINE).map(([kind, rate]) => [kind, rate / 10]),
);

const FIRST = `${CANARY}-first`;
const SECOND = `${CANARY}-second`;

/** Alternates between two passwords; the old one ends a moment after the new one begins. */
class Rotating extends AbstractCredentialProvider {
  readonly #listeners = new Set<() => void>();
  password = FIRST;
  override getCredentials(): Promise<{ username: string; password: string }> {
    return Promise.resolve({ username: 'app', password: this.password });
  }
  override onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
  turn(): void {
    this.password = this.password === FIRST ? SECOND : FIRST;
    for (const listener of this.#listeners) listener();
  }
}

/** Limits of the pools on trial. */
export const LIMITS = {
  decodeResponses: true,
  connectTimeout: 1_000,
  streamTimeout: 2_000,
  deadPeerTimeout: 600,
  acquireTimeout: 5_000,
} as const;

/** Stops this process for a moment, from outside. */
function stopClient(ms: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const script = `kill -STOP ${process.pid}; sleep ${ms / 1000}; kill -CONT ${process.pid}`;
    const child = spawn('/bin/sh', ['-c', script], { stdio: 'ignore', detached: true });
    child.on('error', reject);
    child.on('close', () => resolve());
  });
}

function stallLoop(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end; );
}

/** Every file descriptor that this process may have, for a moment. Does nothing where the limit is high. */
async function useUpDescriptors(ms: number): Promise<void> {
  const held: number[] = [];
  try {
    while (held.length < 4_096) held.push(openSync('/dev/null', 'r'));
  } catch {
    await sleep(ms);
  }
  for (const descriptor of held) closeSync(descriptor);
}

/** The crash report of a server; without a crash the last line of its log. */
function crashIn(log: string): string {
  const lines = log.split('\n');
  return lines.filter((line) => /ASSERTION|==>|crashed by/.test(line)).join(' ') || (lines.at(-1) ?? '');
}

export interface SingleOptions {
  readonly seed: number;
  /** Only faults of the server: a test run shares its process with others. */
  readonly gentle?: boolean;
  readonly every?: number;
  /** Faults that follow each other so closely that each has to be short. */
  readonly brisk?: boolean;
}

/** Milliseconds for the keys to load. */
const LOADING = 300;

export async function singleStage({
  seed,
  gentle = false,
  every = 400,
  brisk = false,
}: SingleOptions): Promise<Stage> {
  const ms = (usual: number): number => (brisk ? usual * 0.3 : usual);
  const server = await startServer({
    // A restart brings both passwords back, so that either works.
    users: { app: `on >${FIRST} >${SECOND} ~* &* +@all` },
    urlUser: 'app',
    args: gentle ? [] : ['--appendonly', 'yes', '--appendfsync', 'no', '--auto-aof-rewrite-min-size', '4mb'],
  });
  const random = randomOf(seed + 17);
  const proxy = await FaultProxy.start(server, { seed, rates: brisk ? BRISK_LINE : BAD_LINE });
  const garbage = brisk ? 0.00001 : 0.0001;
  proxy.on('reply', () => (random() < garbage ? 'garbage' : undefined));
  const provider = new Rotating();
  const kinds: Partial<ConnectionPoolOptions<never, true>>[] = [
    { maxConnections: 8 },
    { maxConnections: 4, cache: new LRUCache(), maxLifetime: 2_000 },
    { maxConnections: 16, maxIdleTime: 500 },
  ];
  const pools = kinds.map(
    (kind) =>
      new ConnectionPool({
        location: proxy.location,
        credentialProvider: provider,
        ...LIMITS,
        ...(brisk ? { connectTimeout: 500, deadPeerTimeout: 400 } : {}),
        ...kind,
      } as never) as ChaosPool,
  );
  const faults: Fault[] = [
    {
      name: 'CLIENT KILL of all',
      strike: async () => void (await server.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')),
    },
    { name: 'reset of all', strike: () => proxy.reset() },
    {
      name: 'half-close of all',
      strike: (random) => proxy.halfClose(random() < 0.5 ? 'to-client' : 'to-server'),
    },
    {
      name: 'black hole of all',
      strike: (random) =>
        proxy.blackHole((['to-client', 'to-server', 'both'] as const)[Math.floor(random() * 3)]),
    },
    { name: 'unknown push', strike: () => void proxy.connections[0]?.inject('>2\r\n+rumour\r\n+x\r\n') },
    {
      name: 'frozen line',
      strike: async () => {
        proxy.freeze();
        await sleep(ms(250));
        proxy.thaw();
      },
    },
    {
      name: 'dials refused',
      strike: async () => {
        await proxy.refuse();
        proxy.reset();
        await sleep(ms(200));
        await proxy.accept();
      },
    },
    {
      name: 'dials never answered',
      strike: async () => {
        proxy.neverAnswer();
        proxy.reset();
        await sleep(ms(200));
        await proxy.accept();
      },
    },
    {
      name: 'server stopped (SIGSTOP)',
      strike: async () => {
        server.pause();
        await sleep(ms(400));
        server.resume();
      },
    },
    {
      name: 'DEBUG SLEEP',
      strike: async () => void (await server.command('DEBUG', 'SLEEP', String(ms(300) / 1000))),
    },
    {
      name: 'CLIENT PAUSE',
      strike: async () => {
        await server.command('CLIENT', 'PAUSE', ms(200), 'WRITE');
        await sleep(ms(200));
      },
    },
    {
      name: 'OOM',
      strike: async () => {
        await server.configSet('maxmemory', 1);
        await sleep(ms(150));
        await server.configSet('maxmemory', 0);
      },
    },
    {
      name: 'maxclients',
      strike: async () => {
        await server.configSet('maxclients', 2);
        await server.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
        await sleep(ms(200));
        await server.configSet('maxclients', 500);
      },
    },
    {
      name: 'BUSY script',
      strike: async () => {
        await server.configSet('busy-reply-threshold', 30);
        await server.command(
          'EVAL',
          'local t = redis.call("TIME"); repeat local n = redis.call("TIME") until (n[1] - t[1]) * 1000000 + n[2] - t[2] > tonumber(ARGV[1])',
          0,
          ms(200) * 1000,
        );
      },
    },
    {
      name: 'credentials rotate',
      strike: async () => {
        const old = provider.password;
        await server.command('ACL', 'SETUSER', 'app', `>${old === FIRST ? SECOND : FIRST}`);
        provider.turn();
        await sleep(ms(300));
        await server.command('ACL', 'SETUSER', 'app', `<${old}`);
      },
    },
    { name: 'loop stall', strike: () => stallLoop(ms(400)) },
  ];
  if (!gentle)
    faults.push(
      { name: 'client stopped (SIGSTOP)', strike: () => stopClient(ms(700)) },
      {
        name: 'descriptors used up',
        strike: async () => {
          for (const pool of pools) pool.disconnect();
          await useUpDescriptors(ms(150));
        },
      },
      {
        name: 'LOADING',
        strike: async () => {
          const keys = Number(await server.command('DBSIZE'));
          // The server sleeps this many microseconds after each key, and about 60 more each time.
          const delay = Math.floor((ms(LOADING) * 1000) / Math.max(1, keys)) - 60;
          await server.configSet('key-load-delay', Math.max(0, delay));
          await server.command('DEBUG', 'RELOAD');
          await server.configSet('key-load-delay', 0);
        },
      },
      {
        name: 'kill -9 and restart',
        weight: 2,
        strike: async () => {
          await server.kill();
          await sleep(ms(50));
          await server.restart();
          await server.command('ACL', 'SETUSER', 'app', 'resetpass', `>${provider.password}`);
        },
      },
    );
  return {
    name: 'single',
    pools,
    cached: [pools[1]!],
    ask: (command, ...args) =>
      server.command(command, ...args.map((arg) => (typeof arg === 'bigint' ? String(arg) : arg))),
    faults,
    every,
    heal: () => proxy.heal(),
    remarks: () => (server.running ? '' : `the server has ended: ${crashIn(server.logTail(2_000))}`),
    clients: async () =>
      String(await server.command('CLIENT', 'LIST'))
        .split('\n')
        .filter((line) => line.includes('user=app')).length,
    close: async () => {
      await proxy.close();
      await server.stop();
    },
  };
}
