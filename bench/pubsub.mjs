// npm run bench -- pubsub [--messages n] [--rounds n]: CPU time per message of one subscriber, 16 B messages.
// Publisher, server and each subscriber are processes of their own; rounds are interleaved, medians are told.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { encode, RawClient } from './raw.mjs';
import { onCore, startServer } from './server.mjs';

const SELF = fileURLToPath(import.meta.url);
const CHANNEL = 'bench';
const MESSAGE = 'sixteen bytes ok';
const BATCH = 500;

/** Each tells of every message by a call of `heard`, as its users would see it. */
const SUBSCRIBERS = {
  'respool, for await, text': async (address, heard) => respoolLoop(address, heard, true),
  'respool, for await, Buffer': async (address, heard) => respoolLoop(address, heard, false),
  'ioredis, message, text': async ({ host, port }, heard) => {
    const { default: Redis } = await import('ioredis');
    const client = new Redis({ host, port });
    client.on('message', (_, message) => heard(message));
    await client.subscribe(CHANNEL);
  },
  'ioredis, messageBuffer': async ({ host, port }, heard) => {
    const { default: Redis } = await import('ioredis');
    const client = new Redis({ host, port });
    client.on('messageBuffer', (_, message) => heard(message));
    await client.subscribe(CHANNEL);
  },
  'node-redis, listener, text': async ({ host, port }, heard) =>
    nodeRedis(`redis://${host}:${port}`, heard, false),
  'node-redis, listener, Buffer': async ({ host, port }, heard) =>
    nodeRedis(`redis://${host}:${port}`, heard, true),
};

async function respoolLoop({ host, port }, heard, decodeResponses) {
  const { ConnectionPool } = await import(process.env.RESPOOL_DIST ?? '../dist/index.js');
  const pool = ConnectionPool.fromUrl(`redis://${host}:${port}`, { decodeResponses });
  await pool.executePubsub('SUBSCRIBE', CHANNEL);
  const channel = pool.pubsubChannels.get(CHANNEL);
  void (async () => {
    for await (const message of channel) heard(message);
  })();
}

async function nodeRedis(url, heard, bytes) {
  const { createClient } = await import('redis');
  const client = await createClient({ url }).connect();
  await client.subscribe(CHANNEL, heard, bytes);
}

/** A subscriber process: answers each order (a number of messages) with what they cost. */
async function subscribe(name, address) {
  let left = 0;
  let bytes = 0;
  let done = () => {};
  await SUBSCRIBERS[name](address, (message) => {
    bytes += message.length;
    left -= 1;
    if (left === 0) done();
  });
  console.log('ready');
  for await (const line of createInterface({ input: process.stdin })) {
    const count = Number(line);
    left = count;
    bytes = 0;
    const finished = new Promise((resolve) => {
      done = resolve;
    });
    const cpuBefore = process.cpuUsage();
    const before = process.hrtime.bigint();
    console.log('go');
    await finished;
    const cpu = process.cpuUsage(cpuBefore);
    const ms = Number(process.hrtime.bigint() - before) / 1e6;
    if (bytes !== count * MESSAGE.length) throw new Error(`${name} lost something`);
    console.log(JSON.stringify({ us: (cpu.user + cpu.system) / count, perSecond: (count / ms) * 1000 }));
  }
}

/** The publisher process: publishes as many as it is told, as fast as the server takes them. */
async function publish({ host, port }) {
  const client = await RawClient.open(host, port);
  const one = encode(['PUBLISH', CHANNEL, MESSAGE]);
  const batch = Buffer.concat(Array.from({ length: BATCH }, () => one));
  console.log('ready');
  for await (const line of createInterface({ input: process.stdin })) {
    for (let left = Number(line); left > 0; left -= BATCH) {
      const count = Math.min(BATCH, left);
      await client.pipeline(count === BATCH ? batch : batch.subarray(0, one.length * count), count);
    }
    console.log('published');
  }
}

class Child {
  constructor(core, args) {
    const [command, ...rest] = onCore(core, [process.execPath, SELF, ...args]);
    this.process = spawn(command, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
  }
  async line() {
    const { value, done } = await this.lines.next();
    if (done) throw new Error('a process of the benchmark ended');
    return value;
  }
  tell(text) {
    this.process.stdin.write(`${text}\n`);
  }
}

async function round(subscriber, publisher, messages) {
  subscriber.tell(messages);
  await subscriber.line();
  publisher.tell(messages);
  const result = JSON.parse(await subscriber.line());
  await publisher.line();
  return result;
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

async function main() {
  const { values } = parseArgs({
    options: { messages: { type: 'string', default: '200000' }, rounds: { type: 'string', default: '7' } },
    allowPositionals: true,
  });
  const server = await startServer();
  // Whoever reads slowly is to be measured, not dropped.
  await server.admin.command('CONFIG', 'SET', 'client-output-buffer-limit', 'pubsub 0 0 0');
  const address = [server.host, String(server.port)];
  const publisher = new Child(1, ['publish', ...address]);
  await publisher.line();
  const results = Object.fromEntries(Object.keys(SUBSCRIBERS).map((name) => [name, []]));
  for (let number = -1; number < Number(values.rounds); number += 1) {
    for (const name of Object.keys(SUBSCRIBERS)) {
      // One subscriber at a time: the server does the same work for each.
      const subscriber = new Child(0, ['subscribe', ...address, name]);
      await subscriber.line();
      await round(subscriber, publisher, 50_000);
      const result = await round(subscriber, publisher, Number(values.messages));
      subscriber.process.kill();
      if (number >= 0) results[name].push(result);
    }
  }
  console.log('| subscriber, 16 B messages | CPU per message (µs) | messages/s |\n|---|---:|---:|');
  for (const [name, all] of Object.entries(results)) {
    const perSecond = Math.round(median(all.map((one) => one.perSecond)));
    console.log(
      `| ${name} | ${median(all.map((one) => one.us)).toFixed(2)} | ${perSecond.toLocaleString('en')} |`,
    );
  }
  publisher.process.kill();
  server.admin.close();
  server.stop();
}

const [mode, host, port, name] = process.argv.slice(2);
if (mode === 'subscribe') await subscribe(name, { host, port: Number(port) });
else if (mode === 'publish') await publish({ host, port: Number(port) });
else await main();
