import { ConnectionPool } from '../src/index.ts';
import { Load, type Pool } from './load.ts';
import { integer, milliseconds, plural, type Screen, Sparkline } from './screen.ts';
import type { Outcome, Tally } from './tally.ts';
import type { Target } from './target.ts';

const CALLERS = 500;
const DURATION = 4_500;
const EVERY = 400;

/** The server drops the pool's connections again and again while everybody works. */
export async function connectionsKilled(
  screen: Screen,
  pool: Pool,
  tally: Tally,
  target: Target,
): Promise<Outcome> {
  screen.title(`4  connections killed under load, every ${EVERY} ms`);
  await using killer = ConnectionPool.fromUrl(target.url, {
    decodeResponses: true,
    clientName: 'respool-demo-killer',
  });
  const load = new Load(pool, tally, `${target.prefix}killed:`).start(CALLERS);
  const before = tally.operations;
  const recoveries: number[] = [];
  let killed = 0;
  const bars = new Sparkline(36);
  await screen.during(
    () =>
      `${integer(tally.operations - before)} commands · ${plural(killed, 'connection')} killed · ${tally.failed} failed · ${tally.wrong} wrong  ${screen.style('cyan', bars.take(tally.operations))}`,
    async () => {
      const until = performance.now() + DURATION;
      while (performance.now() < until) {
        await new Promise((resolve) => setTimeout(resolve, EVERY));
        killed += await kill(killer);
        const started = performance.now();
        const answered = tally.operations;
        while (tally.operations === answered) await new Promise((resolve) => setImmediate(resolve));
        recoveries.push(performance.now() - started);
      }
    },
  );
  await load.stop();
  const { value, good } = await load.verifyCounter();
  if (!good)
    tally.check(
      false,
      () => `counter ${value}, acknowledged ${load.counted} to ${load.counted + load.perhapsCounted}`,
    );
  recoveries.sort((one, other) => one - other);
  screen.fact('over time', screen.style('cyan', bars.whole()));
  screen.fact(
    'commands',
    `${integer(tally.operations - before)} answered, ${integer(tally.failed)} failed with ${plural(killed, 'killed connection')}`,
  );
  screen.fact(
    'answering again after',
    `median ${milliseconds(recoveries[recoveries.length >> 1] ?? 0)}, worst ${milliseconds(recoveries.at(-1) ?? 0)}`,
  );
  screen.verdict(
    good,
    'counter',
    `server ${integer(value)}: ${integer(load.counted)} acknowledged, up to ${integer(load.perhapsCounted)} more may have run`,
  );
  const remember = [
    `${plural(killed, 'connection')} were killed under load: ${integer(tally.failed)} calls failed, each was told whether it may have run.`,
    `Answering again after ${milliseconds(recoveries[recoveries.length >> 1] ?? 0)} (median). The counter agrees with what they were told.`,
  ];
  return { good: good && killed > 0, remember };
}

/** Every connection of the demo's pool, as the server lists them. */
async function kill(killer: Pool): Promise<number> {
  const list = await killer.execute<string>('CLIENT', 'LIST');
  const ids = [...list.matchAll(/^id=(\d+) .*\bname=respool-demo /gm)].map((match) => match[1] as string);
  const answers = await killer.executeBatch(
    ids.map((id) => ({ command: 'CLIENT', args: ['KILL', 'ID', id] })),
  );
  return answers.filter((answer) => answer === 1).length;
}
