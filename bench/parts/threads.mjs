import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { spawnShards } from '../cluster.mjs';
import { encode } from '../raw.mjs';
import { rate, table } from '../report.mjs';
import { BENCH, interleave, median, Runner } from '../runner.mjs';
import { cpuOf, startServer } from '../server.mjs';

const CLIENTS = [
  { id: 'respool', title: 'respool' },
  { id: 'iovalkey', title: 'iovalkey' },
];
const THREADS = [1, 2, 4];
const MS = 300;
const HEAD = [
  'servers',
  'client',
  'threads',
  'per s here',
  'client µs/op',
  'servers µs/op',
  'per s and client core',
  'per s and server core',
];

async function fill(servers) {
  for (let index = 0; index < 1000; index += 1) {
    const line = encode(['SET', `key:${index}`, 'abcdefghijklmnop']);
    await Promise.allSettled(servers.map(({ admin }) => admin.pipeline(line, 1)));
  }
}

const SETUPS = [
  { title: 'one server', start: async () => [await startServer(undefined, [], null)] },
  {
    title: 'one server, 2 io-threads',
    start: async () => [
      await startServer(undefined, ['--io-threads', 2, '--io-threads-do-reads', 'yes'], null),
    ],
  },
  { title: 'cluster of 3', cluster: true, start: () => spawnShards(3, null) },
];

async function measureSetup({ title, start, cluster = false }, { rounds, say }) {
  const servers = await start();
  await fill(servers);
  const [{ host, port }] = servers;
  const runners = [];
  const plans = [];
  for (const client of CLIENTS) {
    for (const threads of THREADS) {
      const place = JSON.stringify({ threads, host, port, cluster });
      const command = [process.execPath, join(BENCH, 'thread-child.mjs'), client.id, place];
      runners.push(await Runner.run(client, command));
      plans.push({ servers: title, client: client.title, threads });
    }
  }
  const cpu = () => servers.reduce((sum, { pid }) => sum + cpuOf(pid), 0);
  const measured = await interleave(runners, { rounds, settling: 4 }, async (runner, index) => {
    say(`${title}, ${plans[index].client}, ${plans[index].threads} threads`);
    const before = cpu();
    const made = await runner.ask({ ms: MS });
    return { ...made, server: cpu() - before };
  });
  for (const runner of runners) await runner.stop();
  for (const server of servers) {
    server.admin.close();
    server.stop();
  }
  return plans.map((plan, index) => ({
    ...plan,
    rate: median(measured[index].map(({ operations, ms }) => (operations / ms) * 1000)),
    client: plan.client,
    cpu: median(measured[index].map((one) => one.cpu / one.operations)),
    server: median(measured[index].map((one) => one.server / one.operations)),
  }));
}

export const threads = {
  id: 'threads',
  title: 'Many threads, each with a pool: GET 16 B, bursts of 100 over 1,000 keys',
  async measure({ about, compared, quick, say, settings }) {
    const rounds = Math.min(settings.rounds, quick ? 5 : 11);
    const own = compared.filter(({ id }) => CLIENTS.some((one) => one.id === id));
    const data = [];
    for (const setup of SETUPS) data.push(...(await measureSetup(setup, { rounds, say })));
    const lines = data.map((one) => [
      one.servers,
      one.client,
      String(one.threads),
      rate(one.rate),
      one.cpu.toFixed(2),
      one.server.toFixed(2),
      rate(1e6 / one.cpu),
      rate(1e6 / one.server),
    ]);
    const text = [
      about(`medians of ${rounds} interleaved rounds`, own, 'nothing bound to a core'),
      `Clients and servers share ${availableParallelism()} cores here. What each side needs of a core tells what more ` +
        'cores give: the smaller of the two last columns, times the cores of that side, is the limit. Threads of a server ' +
        'spin while they wait: where there are too few cores they take them from the clients.',
      table([HEAD, ...lines]),
    ];
    return { data, text: text.join('\n\n') };
  },
};
