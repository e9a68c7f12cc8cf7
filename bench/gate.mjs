// npm run bench:gate [-- --update]: has the hot path become slower? Absolute times say nothing on a machine that is
// not always the same, so that each round also does fixed work, and what is judged is the ratio of the two. There
// are two references (a hand-written pipeline over a socket, and plain computing): a loss must show against both.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encode, RawClient } from './raw.mjs';
import { BENCH, median } from './runner.mjs';
import { fill, onCore, startServer } from './server.mjs';

const FILE = join(BENCH, 'gate.json');
/** A fifth slower is too slow. */
const ALLOWED = 1.2;
const ROUNDS = 15;
const ATTEMPTS = 3;
const BURST = 1000;
const BURSTS = 60;

async function cpuOf(work) {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** Integer and string work of a fixed amount. */
function compute() {
  let state = 1;
  let length = 0;
  for (let index = 0; index < 3_000_000; index += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    if (state % 64 === 0) length += String(state).length;
  }
  return length;
}

/** In the pinned process: the ratios of one attempt. */
async function measure(host, port) {
  const { ConnectionPool } = await import('../dist/index.js');
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
  const rounds = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const path = await cpuOf(work.path);
    const [pipeline, computing] = [await cpuOf(work.pipeline), await cpuOf(work.computing)];
    rounds.push({ pipeline: path / pipeline, computing: path / computing, path: path / (BURST * BURSTS) });
  }
  raw.close();
  await pool.close();
  return Object.fromEntries(
    ['pipeline', 'computing', 'path'].map((key) => [key, median(rounds.map((one) => one[key]))]),
  );
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

const show = ({ pipeline, computing, path }) =>
  `${path.toFixed(3)} µs per GET; ${pipeline.toFixed(3)} × the pipeline, ${computing.toFixed(3)} × the computing`;

async function gate(update) {
  const server = await startServer();
  await fill(server);
  const stored = existsSync(FILE) ? JSON.parse(readFileSync(FILE, 'utf8')) : null;
  if (update || stored === null) {
    const attempts = Array.from({ length: ATTEMPTS }, () => attempt(server));
    const now = Object.fromEntries(
      ['pipeline', 'computing', 'path'].map((key) => [
        key,
        Number(median(attempts.map((one) => one[key])).toFixed(3)),
      ]),
    );
    writeFileSync(FILE, `${JSON.stringify({ pipeline: now.pipeline, computing: now.computing }, null, 2)}\n`);
    console.log(`stored: ${show(now)}`);
    return 0;
  }
  for (let number = 1; number <= ATTEMPTS; number += 1) {
    const now = attempt(server);
    const slower = Math.min(now.pipeline / stored.pipeline, now.computing / stored.computing);
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
