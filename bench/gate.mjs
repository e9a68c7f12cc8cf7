// npm run bench:gate [-- --update]: checks whether the hot path became slower. Absolute times depend on the state of
// the machine. So in many short rounds the path alternates with two references of fixed work (a hand-written pipeline
// over a socket, and plain computing), and the gate judges ratios: of the least times, and the median over the rounds.
// It fails only if all four ratios got worse three times in a row: other work on the machine spoils single figures.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encode, RawClient } from './raw.mjs';
import { BENCH, median } from './runner.mjs';
import { fill, onCore, startServer } from './server.mjs';

const FILE = join(BENCH, 'gate.json');
/** The largest accepted slowdown. */
const ALLOWED = 1.2;
const ROUNDS = 80;
const ATTEMPTS = 3;
const BURST = 1000;
const BURSTS = 15;

async function cpuOf(work) {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** A fixed amount of integer and string work. */
function compute() {
  let state = 1;
  let length = 0;
  for (let index = 0; index < 750_000; index += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    if (state % 64 === 0) length += String(state).length;
  }
  return length;
}

/** Measures the ratios of one attempt, in the pinned process. */
async function measure(host, port) {
  const { ConnectionPool } = await import(process.env.RESPOOL_DIST ?? '../dist/index.js');
  const pool = ConnectionPool.fromUrl(`redis://${host}:${port}`, { decodeResponses: true });
  const raw = await RawClient.open(host, port);
  const line = Buffer.concat(Array.from({ length: BURST }, () => encode(['GET', 'k16'])));
  const work = {
    path: async () => {
      for (let done = 0; done < BURSTS; done += 1) {
        const all = new Array(BURST);
        for (let index = 0; index < BURST; index += 1) all[index] = pool.execute('GET', 'k16');
        await Promise.all(all);
      }
    },
    pipeline: async () => {
      for (let done = 0; done < BURSTS; done += 1) await raw.pipeline(line, BURST);
    },
    computing: compute,
  };
  for (let warm = 0; warm < 5; warm += 1) for (const one of Object.values(work)) await one();
  const times = { path: [], pipeline: [], computing: [] };
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, one] of Object.entries(work)) times[name].push(await cpuOf(one));
  }
  raw.close();
  await pool.close();
  const least = (name) => Math.min(...times[name]);
  const against = (name) => ({
    least: least('path') / least(name),
    median: median(times.path.map((time, round) => time / times[name][round])),
  });
  return {
    pipeline: against('pipeline'),
    computing: against('computing'),
    path: least('path') / (BURST * BURSTS),
  };
}

function attempt({ host, port }) {
  const command = [process.execPath, fileURLToPath(import.meta.url), '--measure', host, String(port)];
  const [program, ...args] = onCore(0, command);
  const { stdout, status } = spawnSync(program, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) throw new Error('the measured process failed');
  return JSON.parse(stdout.trim().split('\n').at(-1));
}

const REFERENCES = ['pipeline', 'computing'];
const WAYS = ['least', 'median'];
const show = ({ pipeline, computing, path }) =>
  `${path.toFixed(3)} µs per GET; ${pipeline.least.toFixed(3)} × the pipeline, ${computing.least.toFixed(3)} × the computing`;

/** The smallest slowdown over both references and both ratios. */
const slowdown = (now, stored) =>
  Math.min(...REFERENCES.flatMap((name) => WAYS.map((way) => now[name][way] / stored[name][way])));

function store(attempts) {
  const entry = (name, way) => [way, Number(median(attempts.map((one) => one[name][way])).toFixed(3))];
  const stored = Object.fromEntries(
    REFERENCES.map((name) => [name, Object.fromEntries(WAYS.map((way) => entry(name, way)))]),
  );
  writeFileSync(FILE, `${JSON.stringify(stored, null, 2)}\n`);
}

async function gate(update) {
  const server = await startServer();
  await fill(server);
  const stored = existsSync(FILE) ? JSON.parse(readFileSync(FILE, 'utf8')) : null;
  if (update || stored === null) {
    const attempts = Array.from({ length: ATTEMPTS }, () => attempt(server));
    for (const one of attempts) console.log(show(one));
    store(attempts);
    return 0;
  }
  for (let number = 1; number <= ATTEMPTS; number += 1) {
    const now = attempt(server);
    const slower = slowdown(now, stored);
    console.log(`${show(now)}: ${slower.toFixed(2)} of what is stored`);
    if (slower <= ALLOWED) return 0;
  }
  console.error(
    `The hot path is more than a fifth slower than bench/gate.json says, ${ATTEMPTS} times in a row.`,
  );
  return 1;
}

if (process.argv[2] === '--measure') {
  console.log(JSON.stringify(await measure(process.argv[3], Number(process.argv[4]))));
  process.exit(0);
}
process.exit(await gate(process.argv.includes('--update')));
