// node bench/compare.mjs <dist> <dist> … [--only text,…] [--rounds n] [--connection] [--ms n]
// Compares builds of this package: runs the rows in short rounds, the builds in turn. Prints the least and the median
// CPU of an operation, and the first build's CPU relative to each other build. The least comes from quiet moments, so
// it is the steadier figure on a shared machine.
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { table } from './report.mjs';
import { ROWS } from './rows.mjs';
import { median, Runner } from './runner.mjs';
import { fill, keepAwake, startServer } from './server.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string' },
    rounds: { type: 'string', default: '31' },
    ms: { type: 'string', default: '80' },
    connection: { type: 'boolean', default: false },
  },
});
const only = options.only?.split(',');
const rows = ROWS.filter((row) => only?.some((text) => row.id.includes(text)) ?? true);
const id = options.connection ? 'respool-connection' : 'respool';

async function warm(runner, row, ms) {
  let operations = row.burst ?? row.inFlight * 4;
  for (let spent = 0; ; ) {
    const one = await runner.ask({ type: 'round', row: row.id, operations });
    spent += one.ms;
    operations = Math.min(operations * 8, Math.ceil((one.operations / one.ms) * ms));
    if (spent > ms * 8) return operations;
  }
}

async function compare(row, runners) {
  const operations = [];
  for (const runner of runners) operations.push(await warm(runner, row, Number(options.ms)));
  const same = Math.min(...operations);
  const costs = runners.map(() => ({ cpu: [], ms: [] }));
  for (let round = 0; round < Number(options.rounds); round += 1) {
    for (let turn = 0; turn < runners.length; turn += 1) {
      const at = (turn + round) % runners.length;
      const one = await runners[at].ask({ type: 'round', row: row.id, operations: same });
      costs[at].cpu.push(one.cpu / one.operations);
      costs[at].ms.push((one.ms * 1000) / one.operations);
    }
  }
  const ratio = (a, b) => (a / b).toFixed(3);
  const pairwise = (key, at) => median(costs[0][key].map((cost, round) => cost / costs[at][key][round]));
  return costs.map(({ cpu, ms }, at) => [
    at === 0 ? row.title : '',
    String(at + 1),
    Math.min(...cpu).toFixed(3),
    median(cpu).toFixed(3),
    ratio(Math.min(...costs[0].cpu), Math.min(...cpu)),
    pairwise('cpu', at).toFixed(3),
    Math.min(...ms).toFixed(3),
    ratio(Math.min(...costs[0].ms), Math.min(...ms)),
  ]);
}

const server = await startServer();
const awake = keepAwake();
await fill(server);
const runners = [];
for (const dist of positionals) {
  const env = { RESPOOL_DIST: resolve(dist, 'index.js') };
  runners.push(await Runner.start({ id, title: dist }, server, { env }));
}
const lines = [['workload', 'build', 'least CPU µs', 'median', 'gain', 'by rounds', 'least µs', 'gain']];
for (const row of rows) lines.push(...(await compare(row, runners)));
console.log(table(lines));
for (const runner of runners) await runner.stop();
awake.stop();
process.exit(0);
