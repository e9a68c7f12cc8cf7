// CPU of this process per operation, with respool/ioredis and ioredis in turn: node bench/ioredis.mjs
// [folder whose node_modules contains ioredis; default: test/consumers] [part of a row's name].
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startServer } from '../dist/testkit/index.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const folder = resolve(process.argv[2] ?? join(ROOT, 'test', 'consumers'));
const clients = {
  'respool/ioredis': createRequire(import.meta.url)('../dist/ioredis/index.js'),
  ioredis: createRequire(join(folder, 'package.json'))('ioredis'),
};
const ROUNDS = 7;

/** Makes `many` calls, `width` of them at a time. */
async function atOnce(width, many, call) {
  let left = many;
  const lane = async () => {
    while (left-- > 0) await call();
  };
  await Promise.all(Array.from({ length: width }, lane));
}

async function bursts(many, call) {
  for (let n = 0; n < many; n += 1_000) await Promise.all(Array.from({ length: 1_000 }, call));
}

const COMMANDS = {
  GET: (redis) => redis.get('key'),
  SET: (redis) => redis.set('key', 'value'),
  INCR: (redis) => redis.incr('count'),
};

/** By row: the number of operations in a round, and the function that runs the round. */
const rows = {};
for (const [name, call] of Object.entries(COMMANDS)) {
  rows[`${name}, 1 at a time`] = [8_000, ({ redis }, many) => atOnce(1, many, () => call(redis))];
  rows[`${name}, 64 at a time`] = [40_000, ({ redis }, many) => atOnce(64, many, () => call(redis))];
  rows[`${name}, bursts of 1,000`] = [40_000, ({ redis }, many) => bursts(many, () => call(redis))];
}
rows['pipelines of 100 GET'] = [
  40_000,
  async ({ redis }, many) => {
    for (let n = 0; n < many; n += 100) {
      const pipeline = redis.pipeline();
      for (let one = 0; one < 100; one++) pipeline.get('key');
      await pipeline.exec();
    }
  },
];
rows['defineCommand, 64 at a time'] = [
  20_000,
  ({ redis }, many) => atOnce(64, many, () => redis.echo1('key', 'value')),
];
rows['PUBLISH and its message, 64 at a time'] = [
  20_000,
  async ({ redis, subscriber }, many) => {
    let left = many;
    const heard = new Promise((done) => {
      subscriber.on('message', () => {
        if (--left === 0) done();
      });
    });
    await atOnce(64, many, () => redis.publish('news', 'hello'));
    await heard;
    subscriber.removeAllListeners('message');
  },
];

const server = await startServer();
const open = Object.fromEntries(
  await Promise.all(
    Object.entries(clients).map(async ([name, Client]) => {
      const [redis, subscriber] = [0, 1].map(
        () => new Client({ host: '127.0.0.1', port: server.location.port }),
      );
      redis.defineCommand('echo1', { numberOfKeys: 1, lua: 'return ARGV[1]' });
      await redis.set('key', 'value');
      return [name, { redis, subscriber }];
    }),
  ),
);
const names = Object.keys(open);
console.log(`µs of CPU an operation, median of ${ROUNDS}: ${names.join(' · ')}`);
const wanted = process.argv[3] ?? '';
for (const [row, [many, run]] of Object.entries(rows)) {
  if (!row.includes(wanted)) continue;
  const figures = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round <= ROUNDS; round++) {
    // The two clients take turns in going first.
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      await open[name].subscriber.subscribe('news');
      await run(open[name], Math.ceil(many / 10));
      const before = process.cpuUsage();
      await run(open[name], many);
      const { user, system } = process.cpuUsage(before);
      await open[name].subscriber.unsubscribe('news');
      if (round > 0) figures[name].push((user + system) / many);
    }
  }
  const [ours, theirs] = names.map((name) => figures[name].sort((a, b) => a - b)[ROUNDS >> 1]);
  console.log(
    `${row.padEnd(38)} ${ours.toFixed(2).padStart(7)} ${theirs.toFixed(2).padStart(7)}   ${(theirs / ours).toFixed(1)} ×`,
  );
}
for (const { redis, subscriber } of Object.values(open)) {
  redis.disconnect();
  subscriber.disconnect();
}
await server.stop();
