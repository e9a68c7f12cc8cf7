import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { buildProgram } from '../limit.mjs';
import { rate, table } from '../report.mjs';
import { interleave, median, medians, withRunners } from '../runner.mjs';
import { cpuOf, freePort, onCore } from '../server.mjs';

/** The highest rate per second of the open loop: beyond it, its timer and a shared core are not reliable. */
const HIGHEST = 150_000;
/** The round-trip times in ms that the proxy adds, and the numbers of calls in flight. */
const DISTANCES = [
  { ms: 1, inFlight: [64, 1000, 4000], seconds: 0.5 },
  { ms: 50, inFlight: [1000, 10_000, 30_000], seconds: 1 },
];

async function startProxy(program, { host, port }, ms) {
  const own = await freePort();
  const [command, ...args] = onCore(1, [program, own, port, (ms * 1000) / 2].map(String));
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return { host, port: own, pid: child.pid, stop: () => child.kill() };
}

/** The highest rates for the numbers in flight, and the latency at half of the highest of all. */
async function measureDistance(
  program,
  { ms, inFlight, seconds },
  { address, compared, server, rounds, say },
) {
  const proxy = await startProxy(program, address, ms);
  const clients = compared.filter(({ id }) => id !== 'glide');
  try {
    return await withRunners(clients, proxy, async (runners) => {
      for (const runner of runners) await runner.ask({ type: 'most', inFlight: inFlight[1], seconds: 2 });
      const shares = [];
      const most = runners.map(() => []);
      for (const width of inFlight) {
        say(`${ms} ms, ${width} in flight`);
        const measured = await interleave(runners, { rounds }, async (runner) => {
          const before = [cpuOf(proxy.pid), cpuOf(server.pid)];
          const made = await runner.ask({ type: 'most', inFlight: width, seconds });
          const calls = made.rate * seconds;
          if (runner.client.id === 'respool')
            shares.push({
              proxy: (cpuOf(proxy.pid) - before[0]) / calls,
              server: (cpuOf(server.pid) - before[1]) / calls,
            });
          return made;
        });
        for (const [index, one] of measured.entries()) most[index].push(median(one.map((made) => made.rate)));
      }
      const loads = most.map((rates) => Math.min(HIGHEST, Math.round(Math.max(...rates) / 2)));
      const at = await interleave(runners, { rounds }, (runner, index) =>
        runner.ask({ type: 'latency', rate: loads[index], seconds }),
      );
      const results = runners.map(({ client }, index) => ({
        title: client.title,
        most: most[index],
        load: loads[index],
        ...medians(at[index]),
      }));
      return { ms, inFlight, results, shares: shares.length > 0 ? medians(shares.slice(-rounds)) : null };
    });
  } finally {
    proxy.stop();
  }
}

function tableOf({ ms, inFlight, results, shares }) {
  const head = [
    `${ms} ms away, GET 16 B`,
    ...inFlight.map((width) => `${rate(width)} in flight, per s`),
    `half of the most (up to ${rate(HIGHEST)}), per s`,
    'p50 there, ms',
    'p99, ms',
  ];
  const lines = results.map((one) => [
    one.title,
    ...one.most.map(rate),
    rate(one.load),
    one.p50.toFixed(2),
    one.p99.toFixed(2),
  ]);
  const parts = [table([head, ...lines])];
  if (shares !== null)
    parts.push(
      `The server and the proxy share a core: with ${rate(inFlight.at(-1))} of respool's calls in flight they need ` +
        `${shares.server.toFixed(2)} and ${shares.proxy.toFixed(2)} µs of it for each.`,
    );
  return parts;
}

export const far = {
  id: 'far',
  title: 'Far servers',
  async measure(context) {
    const { about, compared, quick, say } = context;
    const program = buildProgram('delay.c', [], say);
    if (program === null) return null;
    const rounds = quick ? 3 : 5;
    const data = [];
    for (const distance of DISTANCES)
      data.push(await measureDistance(program, distance, { ...context, rounds }));
    const how = `medians of ${rounds} interleaved rounds; a proxy delays each byte by half a round trip`;
    return { data, text: [about(how, compared), ...data.flatMap(tableOf)].join('\n\n') };
  },
};
