import { join } from 'node:path';
import { number, rate, table } from '../report.mjs';
import { BENCH, interleave, median, Runner } from '../runner.mjs';
import { onCore } from '../server.mjs';

const HOT = 500;
/** The number of uncached keys: enough that each has left the cache when its turn comes again. */
const COLD = 50_000;
const HELD = 5_000;
const VALUE = 'abcdefghijklmnop';
const CLIENTS = [
  { id: 'respool', title: 'respool' },
  { id: 'respool-cache', title: 'respool, cache' },
  { id: 'node-redis', title: 'node-redis' },
  { id: 'node-redis-cache', title: 'node-redis, cache' },
];
/** Reads in flight, and the share of cache hits; the last row shows the cost of a hit alone. */
const ROWS = [
  { title: '1 in flight, 90 % hits', inFlight: 1, share: 0.9, operations: 5_000 },
  { title: '64 in flight, 90 % hits', inFlight: 64, share: 0.9, operations: 30_000 },
  { title: '64 in flight, 99 % hits', inFlight: 64, share: 0.99, operations: 50_000 },
  { title: '64 in flight, all hits', inFlight: 64, share: 1, operations: 50_000 },
];

async function fill(admin) {
  for (let key = 0; key < HOT; key += 1) await admin.command('SET', `hot:${key}`, VALUE);
  const script = "for i = 0, tonumber(ARGV[1]) do redis.call('SET', 'cold:' .. i, ARGV[2]) end";
  await admin.command('EVAL', script, '0', String(COLD), VALUE);
}

export const cache = {
  id: 'cache',
  title: 'Reads through a client-side cache (GET 16 B)',
  async measure({ about, address, compared, quick, say, server, settings }) {
    await fill(server.admin);
    const rounds = Math.min(settings.rounds, quick ? 5 : 11);
    const order = JSON.stringify({ ...address, hot: HOT, cold: COLD, held: HELD, value: VALUE });
    const runners = [];
    for (const client of CLIENTS) {
      const command = onCore(0, [process.execPath, join(BENCH, 'cached.mjs'), client.id, order]);
      runners.push(await Runner.run(client, command));
    }
    const data = [];
    for (const { title, ...row } of ROWS) {
      say(title);
      const measured = await interleave(runners, { rounds, settling: 3 }, (runner) => runner.ask(row));
      const results = runners.map(({ client }, index) => ({
        id: client.id,
        cpu: median(measured[index].map(({ cpu }) => cpu / row.operations)),
        rate: median(measured[index].map(({ ms }) => (row.operations / ms) * 1000)),
      }));
      data.push({ title, results });
    }
    for (const runner of runners) await runner.stop();
    const lines = (measure, show) =>
      data.map(({ title, results }) => {
        const [plain, cached, ...others] = results.map((one) => one[measure]);
        const ratio = measure === 'cpu' ? plain / cached : cached / plain;
        return [title, ...[plain, cached, ...others].map(show), `${ratio.toFixed(1)} ×`];
      });
    const names = CLIENTS.map(({ title }) => title);
    const own = compared.filter(({ id }) => id === 'respool' || id === 'node-redis');
    const text = [
      about(`medians of ${rounds} interleaved rounds`, own),
      table([['client CPU per read, µs', ...names, 'with the cache'], ...lines('cpu', number)]),
      table([['reads per second', ...names, 'with the cache'], ...lines('rate', rate)]),
    ];
    return { data, text: text.join('\n\n') };
  },
};
