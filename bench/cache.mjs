// npm run bench -- cache [--rounds n] [--operations n]: GET where nine of ten reads are answered from memory.
// Each client is a process of its own; rounds are interleaved, medians are told.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { RawClient } from './raw.mjs';
import { onCore, startServer } from './server.mjs';

const SELF = fileURLToPath(import.meta.url);
const HOT = 500;
/** So many keys that none is still held when its turn comes again. */
const COLD = 50_000;
const HELD = 5_000;
const VALUE = 'abcdefghijklmnop';

const respool = async ({ host, port }, cached) => {
  const { ConnectionPool, LRUCache } = await import(process.env.RESPOOL_DIST ?? '../dist/index.js');
  const cache = cached ? new LRUCache({ maxKeys: HELD }) : null;
  const pool = ConnectionPool.fromUrl(`redis://${host}:${port}`, { decodeResponses: true, cache });
  return (key) => pool.execute('GET', key);
};
const nodeRedis = async ({ host, port }, cached) => {
  const { createClient } = await import('redis');
  const clientSideCache = { ttl: 0, maxEntries: HELD, evictPolicy: 'LRU' };
  const options = { url: `redis://${host}:${port}`, RESP: 3, ...(cached ? { clientSideCache } : {}) };
  const client = await createClient(options).connect();
  return (key) => client.get(key);
};
const CLIENTS = {
  respool: (address) => respool(address, false),
  'respool, cache': (address) => respool(address, true),
  'node-redis': (address) => nodeRedis(address, false),
  'node-redis, cache': (address) => nodeRedis(address, true),
};
/** Reads in flight, and the share that memory answers; the last row tells what a hit alone costs. */
const ROWS = [
  { inFlight: 1, share: 0.9, part: 0.1 },
  { inFlight: 64, share: 0.9, part: 1 },
  { inFlight: 64, share: 1, part: 1 },
];

/** A client process: answers each order (share of hits, reads in flight, a number of reads) with what they cost. */
async function serve(name, address) {
  const get = await CLIENTS[name](address);
  for (let key = 0; key < HOT; key += 1) await get(`hot:${key}`);
  let cold = 0;
  let turn = 0;
  const next = (share) => {
    turn += 1;
    if (share === 1 || turn % 10 !== 0) return `hot:${(turn * 7) % HOT}`;
    cold = (cold + 1) % COLD;
    return `cold:${cold}`;
  };
  console.log('ready');
  for await (const line of createInterface({ input: process.stdin })) {
    const [share, inFlight, operations] = line.split(' ').map(Number);
    let left = operations;
    const worker = async () => {
      while (left > 0) {
        left -= 1;
        if ((await get(next(share))) !== VALUE) throw new Error(`${name}: a wrong answer`);
        // Invalidations are to be heard: a loop over memory alone would never let the event loop turn.
        if (left % 10_000 === 0) await new Promise(setImmediate);
      }
    };
    const cpuBefore = process.cpuUsage();
    const before = process.hrtime.bigint();
    await Promise.all(Array.from({ length: inFlight }, worker));
    const cpu = process.cpuUsage(cpuBefore);
    const ms = Number(process.hrtime.bigint() - before) / 1e6;
    console.log(
      JSON.stringify({ us: (cpu.user + cpu.system) / operations, perSecond: (operations / ms) * 1000 }),
    );
  }
}

class Child {
  constructor(name, { host, port }) {
    const [command, ...rest] = onCore(0, [process.execPath, SELF, 'serve', host, String(port), name]);
    this.process = spawn(command, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
  }
  async line() {
    const { value, done } = await this.lines.next();
    if (done) throw new Error('a process of the benchmark ended');
    return value;
  }
  async ask({ share, inFlight }, operations) {
    this.process.stdin.write(`${share} ${inFlight} ${operations}\n`);
    return JSON.parse(await this.line());
  }
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

async function fill({ host, port }) {
  const client = await RawClient.open(host, port);
  for (let key = 0; key < HOT; key += 1) await client.command('SET', `hot:${key}`, VALUE);
  await client.command(
    'EVAL',
    "for i = 0, tonumber(ARGV[1]) do redis.call('SET', 'cold:' .. i, ARGV[2]) end",
    '0',
    String(COLD),
    VALUE,
  );
  client.close();
}

async function main() {
  const { values } = parseArgs({
    options: { operations: { type: 'string', default: '200000' }, rounds: { type: 'string', default: '7' } },
    allowPositionals: true,
  });
  const server = await startServer();
  await fill(server);
  const children = Object.keys(CLIENTS).map((name) => ({ name, child: new Child(name, server) }));
  for (const { child } of children) await child.line();
  console.log('| GET 16 B | in flight | hits | µs CPU per read | reads/s |\n|---|--:|--:|--:|--:|');
  for (const row of ROWS) {
    const results = Object.fromEntries(children.map(({ name }) => [name, []]));
    const operations = Math.round(Number(values.operations) * row.part);
    for (let round = -1; round < Number(values.rounds); round += 1) {
      for (const { name, child } of children) {
        const result = await child.ask(row, operations);
        if (round >= 0) results[name].push(result);
      }
    }
    const rate = (name) => median(results[name].map((one) => one.perSecond));
    for (const [name, rounds] of Object.entries(results)) {
      const us = median(rounds.map((one) => one.us)).toFixed(2);
      const hits = name.includes('cache') ? `${row.share * 100} %` : 'none';
      console.log(`| ${name} | ${row.inFlight} | ${hits} | ${us} | ${Math.round(rate(name))} |`);
    }
    const times = (rate('respool, cache') / rate('respool')).toFixed(1);
    console.log(`| with the cache ${times} times as many | | | | |`);
  }
  for (const { child } of children) child.process.kill();
  server.admin.close();
  server.stop();
  process.exit(0);
}

const [mode, host, port, name] = process.argv.slice(2);
if (mode === 'serve') await serve(name, { host, port: Number(port) });
else await main();
