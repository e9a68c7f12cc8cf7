import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { number, rate, table } from '../report.mjs';
import { ROWS } from '../rows.mjs';
import { BUN, ROOT, Runner } from '../runner.mjs';
import { measureRow } from '../throughput.mjs';

const WANTED = [
  'get16-1',
  'get16-64',
  'get16-burst',
  'get200-burst',
  'set16-burst',
  'error-64',
  'get1k',
  'get1k-utf8',
  'get64k',
  'set64k-bytes',
  'mget50',
  'lrange1000',
  'hgetall100',
  'transaction',
];
const folder = (name) => join(ROOT, 'tools/runtimes/node_modules', name);
const ENGINES = [
  { id: 'here', command: [process.execPath, '--expose-gc'] },
  ...[22, 24, 26].map((major) => ({
    id: `node${major}`,
    command: [join(folder(`node${major}`), 'bin/node'), '--expose-gc'],
  })),
  { id: 'bun', command: [BUN] },
  { id: 'deno', command: [join(folder('deno'), 'deno'), 'run', '--allow-all', '--quiet'] },
];
/** The clients that are measured under each runtime; the best peer is one of them. */
const CLIENTS = ['respool', 'ioredis', 'iovalkey'];

function titleOf({ id, command }) {
  const version = execFileSync(command[0], ['--version'], { encoding: 'utf8' }).split('\n')[0];
  const number = /\d+\.\d+\.\d+/.exec(version)[0];
  const name = { bun: 'Bun', deno: 'Deno' }[id] ?? 'Node';
  return `${name} ${number
    .split('.')
    .slice(0, name === 'Node' ? 1 : 2)
    .join('.')}`;
}

async function startAll(engines, chosen, address, say) {
  const runners = [];
  for (const engine of engines) {
    for (const client of chosen) {
      const named = {
        ...client,
        key: `${engine.id} ${client.id}`,
        title: `${client.title} on ${engine.title}`,
      };
      try {
        runners.push(await Runner.start(named, address, { runtime: engine.command }));
      } catch (error) {
        say(`${named.title}: ${error.message}`);
      }
    }
  }
  return runners;
}

/** The figure of this package, and in brackets its advantage over the best peer as a factor. */
function cell({ results }, engine, measure) {
  const mine = results[`${engine.id} respool`];
  if (mine === undefined) return '–';
  const peers = CLIENTS.slice(1)
    .map((id) => results[`${engine.id} ${id}`])
    .filter((one) => one !== undefined);
  const show = measure === 'cpu' ? number(mine.cpu) : rate(mine.rate);
  if (peers.length === 0) return show;
  const ratio =
    measure === 'cpu'
      ? Math.min(...peers.map(({ cpu }) => cpu)) / mine.cpu
      : mine.rate / Math.max(...peers.map((one) => one.rate));
  return `${show} (${ratio.toFixed(2)} ×)`;
}

export const runtimes = {
  id: 'runtimes',
  title: 'Other runtimes',
  async measure({ about, address, chosen, quick, say, settings, only }) {
    const engines = ENGINES.filter(({ command }) => existsSync(command[0])).map((engine) => ({
      ...engine,
      title: titleOf(engine),
    }));
    const clients = chosen.filter(({ id }) => CLIENTS.includes(id));
    const plan = quick ? settings : { rounds: 11, roundTime: 60, warmUp: 700 };
    const rows = [];
    for (const id of WANTED) {
      if (only !== undefined && !only.some((text) => id.includes(text))) continue;
      const row = ROWS.find((one) => one.id === id);
      say(row.title);
      const runners = await startAll(engines, clients, address, say);
      rows.push(await measureRow(row, runners, plan, say));
      for (const runner of runners) await runner.stop();
    }
    const titles = engines.map(({ title }) => title);
    const lines = (measure) =>
      rows.map((row) => [row.title, ...engines.map((engine) => cell(row, engine, measure))]);
    const text = [
      about(`medians of ${plan.rounds} interleaved rounds`, clients),
      'In brackets: how many times the CPU the better of ioredis and iovalkey needs on that runtime, and how many ' +
        'times as much a second is done.',
      table([['respool, client CPU per operation, µs', ...titles], ...lines('cpu')]),
      table([['respool, operations per second', ...titles], ...lines('rate')]),
    ];
    return { data: rows, text: text.join('\n\n') };
  },
};
