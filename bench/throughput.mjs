import { execFile } from 'node:child_process';
import { interleave, median } from './runner.mjs';
import { onCore } from './server.mjs';

/** The least number of operations in a row; fewer tell nothing. */
const LEAST_OPERATIONS = 300;

/** V8 has compiled the hot functions after this number of operations. */
const WARM_OPERATIONS = 20_000;

/** Rounds that do not count: a client that was warmed up early has been idle since, so its caches are cold. */
const SETTLING = 6;

/** Warms the row up, and determines how many operations fill a round. */
async function calibrate(runner, row, { roundTime, warmUp }) {
  await runner.ask({ type: 'verify', row: row.id });
  let operations = row.burst ?? row.inFlight * 4;
  let spent = 0;
  let total = 0;
  for (;;) {
    const { ms, operations: made } = await runner.ask({ type: 'round', row: row.id, operations });
    spent += ms;
    total += made;
    const fitting = Math.ceil((made / ms) * roundTime);
    if (spent >= warmUp && (total >= WARM_OPERATIONS || spent >= warmUp * 4)) return fitting;
    operations = Math.min(fitting, operations * 8);
  }
}

/** Measures a row for all clients, in interleaved rounds, so that disturbances affect all of them alike. */
export async function measureRow(row, runners, settings, say) {
  const plan = [];
  for (const runner of runners) {
    if (row.own && runner.client.id !== 'respool') continue;
    if (row.clients !== undefined && !row.clients.includes(runner.client.id)) continue;
    try {
      const operations = await calibrate(runner, row, settings);
      plan.push({
        runner,
        operations: Math.max(operations, Math.ceil(LEAST_OPERATIONS / settings.rounds)),
      });
    } catch (error) {
      say(`${row.title}: ${error.message}`);
    }
  }
  const rounds = await interleave(plan, { rounds: settings.rounds, settling: SETTLING }, (one) =>
    one.runner.ask({ type: 'round', row: row.id, operations: one.operations }),
  );
  const results = {};
  for (const [index, { runner }] of plan.entries()) {
    results[runner.client.key ?? runner.client.id] = {
      cpu: median(rounds[index].map(({ cpu, operations }) => cpu / operations)),
      rate: median(rounds[index].map(({ ms, operations }) => (operations / ms) * 1000)),
      operations: rounds[index].reduce((sum, { operations }) => sum + operations, 0),
    };
  }
  return { id: row.id, title: row.title, results };
}

/** The best of three rates per second of redis-benchmark: one connection, a pipeline of 64, GET 16 B. */
export async function pipelined(address) {
  const rates = [];
  for (let round = 0; round < 3; round += 1) rates.push(await askTheServersTool(address));
  const known = rates.filter((rate) => rate !== null);
  return known.length === 0 ? null : Math.max(...known);
}

function askTheServersTool({ host, port }) {
  const args = [
    '-h',
    host,
    '-p',
    String(port),
    '-q',
    '--csv',
    '-n',
    '400000',
    '-c',
    '1',
    '-P',
    '64',
    'GET',
    'k16',
  ];
  const [command, ...rest] = onCore(0, ['redis-benchmark', ...args]);
  return new Promise((resolve) => {
    execFile(command, rest, { encoding: 'utf8' }, (error, stdout) => {
      const line = stdout?.trim().split('\n').at(-1) ?? '';
      const rate = Number(/^"[^"]*","([\d.]+)"/.exec(line)?.[1]);
      resolve(error !== null || !Number.isFinite(rate) ? null : rate);
    });
  });
}
