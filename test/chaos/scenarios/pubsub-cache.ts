// Publishers that count, subscribers that check order and gaps, and readers of a cache that must not be stale.
import { Channel, ConnectionPool } from '../../../src/index.ts';
import { FaultProxy, startServer } from '../../../src/testkit/index.ts';
import { keysNamed, Monitor } from '../../integration/cache/monitor.ts';
import { pick, randomOf } from '../../support/random.ts';
import { sleep } from '../support/load.ts';

const CHANNELS = 20;
const COMMON = {
  decodeResponses: true,
  connectTimeout: 1_000,
  streamTimeout: 1_000,
  deadPeerTimeout: 500,
} as const;

/** Counts upwards in a channel; every message is heard once and in order, except where a gap was told. */
class Listener {
  readonly #violations: string[];
  readonly #name: string;
  readonly channel: Channel<string>;
  #last = 0;
  heard = 0;
  #gap = true;

  constructor(name: string, violations: string[]) {
    this.#name = name;
    this.#violations = violations;
    this.channel = new Channel<string>(name, { encoding: 'utf-8', onGap: () => (this.#gap = true) });
  }

  async listen(): Promise<void> {
    for await (const message of this.channel) {
      const [name, text] = String(message).split('=');
      const number = Number(text);
      this.heard++;
      if (name !== this.#name) this.#violations.push(`crossed: ${this.#name} heard ${String(message)}`);
      else if (number <= this.#last)
        this.#violations.push(`${this.#name}: ${number} was heard after ${this.#last}`);
      else if (number > this.#last + 1 && !this.#gap)
        this.#violations.push(
          `${this.#name}: ${this.#last + 1} to ${number - 1} are missing, no gap was told`,
        );
      this.#last = number;
      this.#gap = false;
    }
  }
}

/** One publisher a channel, straight to the server: what it counts was published in that order. */
async function publish(
  server: { command(...args: string[]): Promise<unknown> },
  names: readonly string[],
  running: () => boolean,
): Promise<number> {
  let published = 0;
  for (let number = 1; running(); number++) {
    for (const name of names) {
      try {
        await server.command('PUBLISH', name, `${name}=${number}`);
        published++;
      } catch {
        // the server is down: nobody has heard it, or its answer is lost; the next number follows either way
      }
    }
    await sleep(2);
  }
  return published;
}

export async function pubsubCache(settings: {
  seed: number;
  seconds: number;
}): Promise<{ lines: string[]; violations: string[] }> {
  const { seed, seconds } = settings;
  const random = randomOf(seed);
  const violations: string[] = [];
  await using server = await startServer({
    args: ['--client-output-buffer-limit', 'pubsub', '256kb', '128kb', '5'],
  });
  await using proxy = await FaultProxy.start(server, { seed, rates: { slice: 0.02, delay: 0.01 } });
  const monitor = new Monitor(keysNamed('cached:', 50));
  await using cached = new ConnectionPool({ location: proxy.location, cache: monitor.cache, ...COMMON });
  await using writers = new ConnectionPool({ location: server.location, ...COMMON });
  const names = Array.from({ length: CHANNELS }, (_, index) => `channel:${index}`);
  const listeners = names.map((name) => new Listener(name, violations));
  await cached.executePubsub('SUBSCRIBE', ...listeners.map(({ channel }) => channel));
  const listening = listeners.map((listener) => listener.listen().catch(() => {}));
  let running = true;
  const publishing = publish(server, names, () => running);
  const writing = [1, 2, 3].map(() => monitor.write(writers, 10));
  const reading = [1, 2, 3].map(() => monitor.readOn(cached, 10, 5));

  const faults: Record<string, () => void | Promise<void>> = {
    'subscriber killed': async () =>
      void (await server.command('CLIENT', 'KILL', 'TYPE', 'pubsub', 'SKIPME', 'yes')),
    'all killed': async () =>
      void (await server.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')),
    'reset of all': () => proxy.reset(),
    'black hole to the client': () => proxy.blackHole('to-client'),
    'black hole to the server': () => proxy.blackHole('to-server'),
    'server stopped': async () => {
      server.pause();
      await sleep(300);
      server.resume();
    },
    'frozen line': async () => {
      proxy.freeze();
      await sleep(200);
      proxy.thaw();
    },
  };
  const counts = new Map<string, number>();
  for (const end = performance.now() + seconds * 1000; performance.now() < end; ) {
    await sleep(300 + random() * 500);
    const name = pick(random, Object.keys(faults));
    counts.set(name, (counts.get(name) ?? 0) + 1);
    console.log(`seed ${seed}: ${name}`);
    await faults[name]!();
  }
  await proxy.heal();
  await sleep(1_500);
  running = false;
  const published = await publishing;
  monitor.stop();
  await Promise.all(writing);
  for (const result of await Promise.allSettled(reading))
    if (result.status === 'rejected') violations.push(`stale: ${String(result.reason)}`);
  await checkSubscriptions(server, names, violations);
  await cached.close({ timeout: 500 });
  await Promise.all(listening);
  const heard = listeners.reduce((sum, listener) => sum + listener.heard, 0);
  if (heard < published * 0.3) violations.push(`${heard} of ${published} messages were heard`);
  const lines = [
    `pubsub-cache (seed ${seed}): ${published} messages published, ${heard} heard; ${monitor.reads} reads, ` +
      `${monitor.writes} writes, the oldest read was ${Math.round(monitor.oldest)} ms behind`,
    `  faults: ${[...counts].map(([name, count]) => `${name} ${count}`).join(', ')}`,
    ...violations.slice(0, 20).map((text) => `  ! ${text}`),
    violations.length === 0 ? '  no violation' : `  ${violations.length} VIOLATIONS`,
  ];
  return { lines, violations };
}

/** The server has exactly the subscriptions that were asked for. */
async function checkSubscriptions(
  server: { command(...args: string[]): Promise<unknown> },
  names: readonly string[],
  violations: string[],
): Promise<void> {
  const wanted = [...names].sort().join();
  let has = '';
  for (const end = performance.now() + 5_000; has !== wanted && performance.now() < end; await sleep(20))
    has = ((await server.command('PUBSUB', 'CHANNELS', 'channel:*')) as unknown[]).map(String).sort().join();
  if (has !== wanted) violations.push(`the server has the subscriptions ${has}`);
}
