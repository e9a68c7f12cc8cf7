// npm run bench [-- --quick] [--only text,…] [--clients id,…] [--rounds n] [--bun] [--latency] [--memory] [--cold]
//               [--scale] [--costs] [--shards] [--all] [--awake] [--limit] [--profile row]
// Without a mode: the throughput rows. --all: everything. The server's core may halt when it has nothing to do, as on users'
// machines; --awake keeps it from that, which makes the rows steadier. Without it the rows of small commands are
// measured once more with the core awake.
// --limit: beside a small C program on hiredis that does the same, where it can be built.
// Results: bench/results/, docs/bench.md, docs/bench.svg (full runs).
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CLIENTS } from './clients/index.mjs';
import { buildLimit, limitOf } from './limit.mjs';
import { profileRow } from './profile.mjs';
import { chart, markdown, summary } from './report.mjs';
import { ROWS } from './rows.mjs';
import { available, BENCH, commandOf, median, ROOT, Runner } from './runner.mjs';
import { fill, keepAwake, PINNED, startServer, WAKEABLE } from './server.mjs';
import { installedSize } from './sizes.mjs';
import { measureRow, pipelined } from './throughput.mjs';
import { versionsOf } from './versions.mjs';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    all: { type: 'boolean', default: false },
    latency: { type: 'boolean', default: false },
    memory: { type: 'boolean', default: false },
    cold: { type: 'boolean', default: false },
    scale: { type: 'boolean', default: false },
    costs: { type: 'boolean', default: false },
    shards: { type: 'boolean', default: false },
    awake: { type: 'boolean', default: false },
    limit: { type: 'boolean', default: false },
    bun: { type: 'boolean', default: false },
    only: { type: 'string' },
    clients: { type: 'string' },
    rounds: { type: 'string' },
    profile: { type: 'string' },
  },
});
const say = (text) => console.error(text);
// Many short rounds rather than few long ones: a machine's mood lasts seconds, and must not fall on one client alone.
const settings = options.quick
  ? { rounds: 9, roundTime: 40, warmUp: 500 }
  : { rounds: 25, roundTime: 80, warmUp: 1000 };
if (options.rounds) settings.rounds = Number(options.rounds);

const wanted = options.clients?.split(',');
const chosen = CLIENTS.filter((client) => wanted?.includes(client.id) ?? true).filter((client) => {
  const here = available(client);
  if (!here && client.id !== 'bun') say(`${client.title} is not there and is left out`);
  return here;
});
const only = options.only?.split(',');
const rowsToRun = ROWS.filter(
  (row) => only?.some((text) => row.id.includes(text) || row.title.includes(text)) ?? true,
);
const modes =
  options.latency || options.memory || options.cold || options.scale || options.costs || options.shards;
const throughput = options.all || options.only || !modes;

/** A C program that does the same rows, as the limit to compare with. */
const program = options.limit ? buildLimit(say) : null;

async function withRunners(address, use) {
  const runners = [];
  for (const client of chosen) runners.push(await Runner.start(client, address));
  const result = await use(runners);
  for (const runner of runners) await runner.stop();
  return result;
}

/** Processes of its own for every row: what one leaves behind (limits of the collector, garbage) is no other's cost. */
async function eachRow(address, wanted = rowsToRun) {
  const rows = [];
  for (const [index, row] of wanted.entries()) {
    say(`[${index + 1}/${wanted.length}] ${row.title}`);
    const measured = await withRunners(address, (runners) => measureRow(row, runners, settings, say));
    if (Object.keys(measured.results).length === 0) continue;
    const limit = program === null ? null : limitOf(program, row, address);
    rows.push(limit === null ? measured : { ...measured, limit });
  }
  return rows;
}

async function latencies(runners) {
  const results = [];
  for (const rate of [5000, 20_000]) {
    for (const runner of runners.filter(({ client }) => client.id !== 'respool-connection')) {
      say(`latency at ${rate}/s: ${runner.client.title}`);
      const order = { type: 'latency', rate, seconds: options.quick ? 1 : 5 };
      await runner.ask({ ...order, seconds: 1 });
      results.push({ id: runner.client.id, title: runner.client.title, rate, ...(await runner.ask(order)) });
    }
  }
  return results;
}

async function once(client, address, order) {
  const runner = await Runner.start(client, address);
  const answer = await runner.ask(order);
  await runner.stop();
  return answer;
}

/** Processes of their own: what was measured before would be counted. */
async function memories(address) {
  const results = [];
  for (const client of chosen.filter(({ id }) => id !== 'bun')) {
    say(`memory: ${client.title}`);
    const idle = await once(client, address, { type: 'idle', connections: client.id === 'glide' ? 50 : 500 });
    const inFlight = await once(client, address, { type: 'inFlight', requests: 100_000 });
    results.push({ id: client.id, title: client.title, idle, inFlight });
  }
  return results;
}

function coldStarts({ host, port }) {
  const runs = Object.fromEntries(chosen.map(({ id }) => [id, []]));
  for (let round = 0; round < (options.quick ? 3 : 15); round += 1) {
    for (const client of chosen) {
      const [command, ...args] = commandOf(client, 'cold.mjs', [host, port], []);
      const { stdout } = spawnSync(command, args, { encoding: 'utf8', cwd: BENCH });
      runs[client.id].push(JSON.parse(stdout.trim().split('\n').at(-1)));
    }
  }
  return chosen.map(({ id, title }) => ({
    id,
    title,
    ms: median(runs[id].map(({ ms }) => ms)),
    sinceStart: median(runs[id].map(({ sinceStart }) => sinceStart)),
  }));
}

/** A full run is what the documents show. */
function publish(folder, text, result) {
  writeFileSync(join(folder, 'bench.md'), `# Benchmark\n\n${text}\n![chart](bench.svg)\n`);
  const file = join(ROOT, 'README.md');
  const section = /(<!-- bench:start -->\n)[^]*?(<!-- bench:end -->)/;
  writeFileSync(
    file,
    readFileSync(file, 'utf8').replace(section, (_all, start, end) => `${start}\n${summary(result)}\n${end}`),
  );
}

function write(result) {
  const text = markdown(result);
  mkdirSync(join(BENCH, 'results'), { recursive: true });
  writeFileSync(join(BENCH, 'results/latest.json'), `${JSON.stringify(result, null, 2)}\n`);
  writeFileSync(join(BENCH, 'results/latest.md'), text);
  const complete = throughput && !options.quick && !options.only && !options.clients;
  const folder = complete ? join(ROOT, 'docs') : join(BENCH, 'results');
  if (result.rows.length > 0) writeFileSync(join(folder, 'bench.svg'), chart(result));
  if (complete) publish(folder, text, result);
  console.log(text);
}

/** The rows in which waking the server is most of the work. */
const WAKING = new Set(['get16-1', 'get16-64', 'incr-64', 'error-64', 'get16-burst', 'get200-burst']);

const server = await startServer();
let awake = options.awake ? keepAwake() : null;
await fill(server);
const address = { host: server.host, port: server.port };
const about = `Node ${process.version}, ${server.version}, ${cpus()[0]?.model.trim()}, ${
  PINNED ? 'client and server on a core each' : 'not pinned'
}${awake !== null && WAKEABLE ? " (the server's kept awake)" : " (the server's may sleep)"}, medians of ${settings.rounds} interleaved rounds.`;
try {
  if (options.profile) {
    const client = CLIENTS.find(({ id }) => id === (wanted?.[0] ?? 'respool'));
    console.log(await profileRow(client, options.profile, address));
  } else {
    const result = { about, versions: versionsOf(chosen), clients: chosen.map(({ id }) => id), rows: [] };
    if (throughput)
      Object.assign(result, { rows: await eachRow(address), pipelined: await pipelined(address) });
    if (throughput && awake === null && WAKEABLE && !options.only) {
      say("the same with the server's core kept awake");
      awake = keepAwake();
      result.awake = await eachRow(
        address,
        rowsToRun.filter(({ id }) => WAKING.has(id)),
      );
      awake.stop();
      awake = null;
    }
    if (options.latency || options.all) result.latency = await withRunners(address, latencies);
    if (options.memory || options.all) result.memory = await memories(address);
    const self = chosen.find(({ id }) => id === 'respool');
    if (self !== undefined && (options.scale || options.all)) {
      say('scale');
      result.scale = await once(self, address, { type: 'scale', quick: options.quick });
    }
    if (self !== undefined && (options.costs || options.all)) {
      say('costs of a lease, a time limit, a signal, a cluster route, telemetry');
      result.costs = await once(self, address, { type: 'costs', quick: options.quick });
    }
    if (self !== undefined && (options.shards || options.all)) {
      say('one thread and three shards');
      result.shards = await once(self, address, { type: 'shards', quick: options.quick });
    }
    if (options.cold || options.all) {
      result.cold = coldStarts(address);
      result.sizes = Object.fromEntries(chosen.map((client) => [client.id, installedSize(client)]));
    }
    write(result);
  }
} finally {
  awake?.stop();
  server.admin.close();
  server.stop();
}
process.exit(0);
