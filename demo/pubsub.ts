import { setTimeout as sleep } from 'node:timers/promises';
import { Channel, ConnectionPool } from '../src/index.ts';
import { Listener } from './listener.ts';
import type { Pool } from './load.ts';
import { integer, milliseconds, plural, type Screen, seconds, Sparkline } from './screen.ts';
import type { Outcome } from './tally.ts';
import { Target } from './target.ts';

const NAMES = 4;
const BURST = 8;
const EVERY = 700;

/** Publishers, subscribers, killed subscriber connections: every hole is told, nothing is lost in silence. */
export async function pubsubDemo(screen: Screen): Promise<Outcome> {
  await using target = await Target.find();
  await using publisher = ConnectionPool.fromUrl(target.url, {
    decodeResponses: true,
    clientName: 'respool-demo-publisher',
  });
  await using pool = ConnectionPool.fromUrl(target.url, {
    decodeResponses: true,
    clientName: 'respool-demo',
  });
  await Promise.all([pool.open({ timeout: 5_000 }), publisher.open({ timeout: 5_000 })]);
  screen.line(
    `${screen.style('bold', 'respool')}: ${NAMES} publishers, ${NAMES} channels and a pattern, ${target.about}`,
  );
  screen.fact('server', pool.address ?? '');
  const names = Array.from({ length: NAMES }, (_, index) => `${target.prefix}news:${index}`);
  const listeners = names.map((name) => new Listener(name));
  const pattern = new Listener(`${target.prefix}news:*`, true);
  await pool.executePubsub('SUBSCRIBE', ...listeners.map(({ channel }) => channel));
  await pool.executePubsub('PSUBSCRIBE', pattern.channel);
  for (const listener of [...listeners, pattern]) listener.start();
  const newspaper = new Newspaper(publisher, names);
  newspaper.start();

  const started = performance.now();
  await quiet(screen, newspaper, [...listeners, pattern]);
  await killed(screen, { publisher, newspaper, pool }, [...listeners, pattern]);
  await newspaper.stop();
  const caughtUp = await drained(names, listeners, pattern, newspaper);
  const slow = await slowReader(screen, pool, publisher, `${target.prefix}slow`);
  await pool.executePubsub('UNSUBSCRIBE', ...names);
  await pool.executePubsub('PUNSUBSCRIBE', `${target.prefix}news:*`);
  await Promise.all([...listeners, pattern].map((listener) => listener.done()));
  const { good } = account(screen, { pool, newspaper, listeners, pattern, caughtUp, started, slow });
  const all = [...listeners, pattern];
  const remember = [
    `${integer(received(all))} messages were heard in order. Each of ${plural(
      all.reduce((sum, { gaps }) => sum + gaps, 0),
      'gap',
    )} was told to its reader.`,
    'What a slow reader missed was counted. Nothing was lost in silence.',
  ];
  return { good, remember };
}

/** Publishes numbers on each name, in order. */
class Newspaper {
  readonly #pool: Pool;
  readonly #names: readonly string[];
  readonly numbers: number[];
  #running = true;
  #tasks: Promise<void>[] = [];

  constructor(pool: Pool, names: readonly string[]) {
    this.#pool = pool;
    this.#names = names;
    this.numbers = names.map(() => 0);
  }
  get published(): number {
    return this.numbers.reduce((sum, number) => sum + number, 0);
  }
  start(): void {
    this.#tasks = this.#names.map((name, index) => this.#publish(name, index));
  }
  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#tasks);
  }
  async #publish(name: string, index: number): Promise<void> {
    while (this.#running) {
      const burst = Array.from({ length: BURST }, () =>
        this.#pool.execute('PUBLISH', name, `${name}:${this.#next(index)}`),
      );
      await Promise.all(burst);
      await sleep(1);
    }
  }
  #next(index: number): number {
    const number = (this.numbers[index] ?? 0) + 1;
    this.numbers[index] = number;
    return number;
  }
}

async function quiet(screen: Screen, newspaper: Newspaper, listeners: readonly Listener[]): Promise<void> {
  screen.title('1  messages in order');
  const bars = new Sparkline();
  await screen.during(
    () =>
      `${integer(newspaper.published)} published · ${integer(received(listeners))} received  ${screen.style('cyan', bars.take(received(listeners)))} ${integer(bars.rate)}/s`,
    () => sleep(2_500),
  );
  screen.fact('over time', screen.style('cyan', bars.whole()));
  screen.fact('published', integer(newspaper.published));
  screen.fact(
    'received',
    `${integer(received(listeners))} by ${listeners.length} listeners, ${plural(silent(listeners), 'number')} out of order`,
  );
}

interface Stage {
  readonly publisher: Pool;
  readonly newspaper: Newspaper;
  readonly pool: Pool;
}

async function killed(
  screen: Screen,
  { publisher, newspaper }: Stage,
  listeners: readonly Listener[],
): Promise<void> {
  screen.title(`2  the subscriber's connection is killed every ${EVERY} ms`);
  let kills = 0;
  const bars = new Sparkline(30);
  const gaps = (): number => listeners.reduce((sum, listener) => sum + listener.gaps, 0);
  await screen.during(
    () =>
      `${integer(newspaper.published)} published · ${plural(kills, 'kill')} · ${plural(gaps(), 'gap')} told · ${silent(listeners)} silent  ${screen.style('cyan', bars.take(received(listeners)))}`,
    async () => {
      for (const until = performance.now() + 5_000; performance.now() < until; ) {
        kills += await killSubscribers(publisher);
        await sleep(EVERY);
      }
    },
  );
  const holes = listeners.flatMap((listener) => listener.holes).sort((one, other) => one - other);
  const lost = listeners.reduce((sum, listener) => sum + listener.lostInGaps, 0);
  screen.fact('over time', screen.style('cyan', bars.whole()));
  screen.fact('killed', plural(kills, 'subscriber connection'));
  screen.fact(
    'gaps told',
    `${gaps()} to ${listeners.length} listeners; a hole of ${milliseconds(holes[holes.length >> 1] ?? 0)} (median), ${milliseconds(holes.at(-1) ?? 0)} (longest)`,
  );
  screen.fact('missed in the holes', `${plural(lost, 'message')}, each between the edges of a gap`);
}

/** Connections of the demo's pool that are subscribed, as the server lists them. */
async function killSubscribers(publisher: Pool): Promise<number> {
  const list = await publisher.execute<string>('CLIENT', 'LIST');
  const lines = list
    .split('\n')
    .filter((line) => / name=respool-demo /.test(line) && / p?sub=[1-9]/.test(line));
  const ids = lines.map((line) => /\bid=(\d+)/.exec(line)?.[1] ?? '');
  const answers = await publisher.executeBatch(
    ids.map((id) => ({ command: 'CLIENT', args: ['KILL', 'ID', id] })),
  );
  return answers.filter((answer) => answer === 1).length;
}

/** One that is slower than its channel, with a bound: what it misses is counted. */
async function slowReader(screen: Screen, pool: Pool, publisher: Pool, name: string): Promise<boolean> {
  screen.title('3  a reader that is too slow, with maxMessages: 1,000 and overflow: drop-oldest');
  const channel = new Channel<string>(name, {
    encoding: 'utf-8',
    maxMessages: 1_000,
    overflow: 'drop-oldest',
  });
  await pool.executePubsub('SUBSCRIBE', channel);
  let read = 0;
  let published = 0;
  const reading = (async () => {
    for await (const _ of channel) if (++read % 10 === 0) await sleep(1);
  })();
  await screen.during(
    () =>
      `${integer(published)} published · ${integer(read)} read · ${integer(channel.dropped)} dropped and counted`,
    async () => {
      for (const until = performance.now() + 1_500; performance.now() < until; ) {
        const burst = Array.from({ length: 100 }, () => publisher.execute('PUBLISH', name, `${++published}`));
        await Promise.all(burst);
      }
      await sleep(200);
    },
  );
  await pool.executePubsub('UNSUBSCRIBE', channel);
  await reading;
  const good = read + channel.dropped === published;
  screen.verdict(
    good,
    'accounted for',
    `${integer(published)} published = ${integer(read)} read + ${integer(channel.dropped)} dropped`,
  );
  return good;
}

/** Until everybody has heard the last number of every name. */
async function drained(
  names: readonly string[],
  listeners: readonly Listener[],
  pattern: Listener,
  newspaper: Newspaper,
): Promise<boolean> {
  const heard = (): boolean =>
    names.every((name, index) => {
      const wanted = newspaper.numbers[index] ?? 0;
      return listeners[index]?.last(name) === wanted && pattern.last(name) === wanted;
    });
  for (const until = performance.now() + 2_000; performance.now() < until && !heard(); ) await sleep(5);
  return heard();
}

interface Account {
  readonly pool: Pool;
  readonly newspaper: Newspaper;
  readonly listeners: readonly Listener[];
  readonly pattern: Listener;
  readonly caughtUp: boolean;
  readonly started: number;
  readonly slow: boolean;
}

function account(
  screen: Screen,
  { pool, newspaper, listeners, pattern, caughtUp, started, slow }: Account,
): Outcome {
  const all = [...listeners, pattern];
  const missed = all.reduce((sum, listener) => sum + listener.lostInGaps, 0);
  // Every message has two listeners: its channel's and the pattern's.
  const balanced = received(all) + missed === 2 * newspaper.published;
  const { inPubsub } = pool;
  screen.title('Summary');
  screen.fact(
    'messages',
    `${integer(newspaper.published)} published, ${integer(received(all))} received, in ${seconds(performance.now() - started)}`,
  );
  screen.verdict(
    balanced && caughtUp,
    'balance',
    `${integer(2 * newspaper.published)} = ${integer(received(all))} received + ${integer(missed)} missed in told gaps`,
  );
  screen.verdict(silent(all) === 0, 'lost in silence', integer(silent(all)));
  screen.verdict(inPubsub === 0, 'subscribed at the end', integer(inPubsub));
  return { good: balanced && caughtUp && silent(all) === 0 && inPubsub === 0 && slow };
}

function received(listeners: readonly Listener[]): number {
  return listeners.reduce((sum, listener) => sum + listener.received, 0);
}
function silent(listeners: readonly Listener[]): number {
  return listeners.reduce((sum, listener) => sum + listener.silent, 0);
}
