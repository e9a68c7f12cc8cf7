// Random bytes and texts give only typed errors, keep nothing and pollute no prototype.
// RESPOOL_FUZZ=1000000 makes it long, RESPOOL_SEED repeats it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ClusterConnectionPool,
  ConnectionPool,
  RedisError,
  Sentinel,
  SentinelConnectionPool,
} from '../../src/index.ts';
import { reply, ScriptedServer } from '../../src/testkit/index.ts';
import { pick, randomOf } from '../support/random.ts';
import { decodeAll, vectors } from '../unit/resp/vectors.ts';

const seed = Number(process.env['RESPOOL_SEED'] ?? 20_261_130);
const COUNT = Number(process.env['RESPOOL_FUZZ'] ?? 20_000);
const BYTES = 0;

const samples = vectors
  .map(({ bytesBase64 }) => Buffer.from(bytesBase64, 'base64'))
  .filter(({ length }) => length < 2_000);
const TOKENS = [
  '\r\n',
  '$-1\r\n',
  '*-1\r\n',
  '_\r\n',
  '>2\r\n',
  '|1\r\n',
  '%1\r\n',
  '~2\r\n',
  '$5\r\nhello\r\n',
].concat([
  '*4294967295\r\n',
  '$9007199254740993\r\n',
  ':-0\r\n',
  ',nan\r\n',
  '(1\r\n',
  '=4\r\ntxt:\r\n',
  '#t\r\n',
  '!1\r\nE\r\n',
]);

/** A sample with some bytes changed, cut out, doubled, or put in from another. */
function mutated(random: () => number): Buffer {
  let bytes: Buffer = Buffer.from(pick(random, samples));
  for (let round = Math.floor(random() * 4); round >= 0; round--) {
    const at = Math.floor(random() * (bytes.length + 1));
    const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)];
    const dice = random();
    if (dice < 0.3 && bytes.length > 0) bytes[Math.min(at, bytes.length - 1)] = Math.floor(random() * 256);
    else if (dice < 0.5) bytes = Buffer.concat([head, tail.subarray(Math.floor(random() * 8))]);
    else if (dice < 0.7) bytes = Buffer.concat([head, Buffer.from(pick(random, TOKENS)), tail]);
    else if (dice < 0.85) bytes = Buffer.concat([head, pick(random, samples)]);
    else bytes = Buffer.concat([bytes, bytes]);
    if (bytes.length > 8_000) bytes = bytes.subarray(0, 8_000);
  }
  return bytes;
}

function cut(bytes: Buffer, random: () => number): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = random() < 0.3 ? 1 : 1 + Math.floor(random() * 64);
    pieces.push(bytes.subarray(at, at + length));
    at += length;
  }
  return pieces;
}

const prototypes = [Object.prototype, Array.prototype, Map.prototype, Function.prototype];
const names = (): string => JSON.stringify(prototypes.map((one) => Object.getOwnPropertyNames(one)));

test(`${COUNT} mutated streams decode to the same whole and in pieces (seed ${seed})`, () => {
  const random = randomOf(seed);
  const before = names();
  let wrong = 0;
  for (let turn = 0; turn < COUNT; turn++) {
    const bytes = mutated(random);
    const whole = decodeAll([bytes], BYTES);
    const pieces = decodeAll(cut(bytes, random), BYTES);
    if (whole.error !== null) wrong++;
    const told = `seed ${seed}, input ${turn}: ${bytes.toString('base64')}`;
    assert.equal(pieces.messages.length, whole.messages.length, told);
    assert.equal(pieces.error === null, whole.error === null, told);
    assert.equal(pieces.idle, whole.idle, told);
  }
  assert.equal(names(), before, 'a prototype was changed');
  assert.ok(wrong > COUNT / 20, `${wrong} streams were wrong`);
});

const URL_PARTS = [
  ...[
    'redis',
    'rediss',
    'unix',
    'valkey',
    'redis+sentinel',
    'http',
    '',
    '://',
    ':',
    '/',
    '//',
    '@',
    '#',
    '?',
    '&',
    '=',
  ],
  ...[
    'localhost',
    '127.0.0.1',
    '[::1]',
    '[',
    ']',
    '6379',
    '65536',
    '-1',
    '0',
    '1e3',
    '%40',
    '%',
    '%zz',
    '%0d%0a',
    '\r\n',
  ],
  ...[
    'db',
    'timeout',
    'maxConnections',
    'ssl_cert_reqs',
    '__proto__',
    'constructor',
    'true',
    'no',
    '💥',
    ' ',
    '\0',
    '^|"{}',
  ],
];

test(`${COUNT} URLs give a pool or a TypeError, and never show the password (seed ${seed})`, async () => {
  const random = randomOf(seed + 1);
  let pools = 0;
  for (let turn = 0; turn < COUNT; turn++) {
    const head = random() < 0.6 ? `${pick(random, ['redis', 'rediss', 'unix', 'valkey'])}://` : '';
    const user = random() < 0.7 ? 'user:canary-7f3a@' : '';
    const parts = Array.from({ length: Math.floor(random() * 8) }, () => pick(random, URL_PARTS));
    const url = `${head}${user}${parts.join('')}`;
    try {
      const pool = random() < 0.7 ? ConnectionPool.fromUrl(url) : ClusterConnectionPool.fromUrl(url);
      pools++;
      await pool.close();
    } catch (error) {
      assert.ok(error instanceof TypeError, `${JSON.stringify(url)}: ${String(error)}`);
      assert.ok(!error.message.includes('canary-7f3a'), `${JSON.stringify(url)}: ${error.message}`);
    }
  }
  assert.ok(pools > COUNT / 50 && pools < COUNT, `${pools} URLs were taken`);
});

const ANSWERS = [
  ...[
    reply.null,
    reply.ok,
    reply.array(),
    reply.integer(-1),
    reply.error('ERR no'),
    reply.bulk(''),
    reply.nullArray,
  ],
  reply.array(reply.integer(0), reply.integer(16_383), reply.null),
  reply.array(
    reply.array(reply.integer(-1), reply.integer(16_384), reply.array(reply.null, reply.integer(0))),
  ),
  reply.array(reply.array(reply.bulk('__proto__'), reply.bulk('constructor'), reply.array())),
  reply.array(reply.bulk('127.0.0.1'), reply.bulk('65536')),
  reply.array(reply.bulk('__proto__'), reply.null),
  reply.map([reply.bulk('__proto__'), reply.bulk('x')]),
];

test(`nonsense answers of clusters and sentinels are typed errors within the limit (seed ${seed})`, async () => {
  const random = randomOf(seed + 2);
  const answer = (): string => {
    if (random() < 0.5) return pick(random, ANSWERS);
    return reply.array(...Array.from({ length: Math.floor(random() * 4) }, () => pick(random, ANSWERS)));
  };
  await using server = await ScriptedServer.start(
    { CLUSTER: answer, SENTINEL: answer, ROLE: answer },
    { record: false },
  );
  const before = names();
  for (let turn = 0; turn < COUNT / 200; turn++) {
    const { location } = server;
    const common = { connectTimeout: 200, streamTimeout: 200, acquireTimeout: 200 };
    const sentinelManager = new Sentinel({ sentinels: [location], ...common });
    const pools = [
      new ClusterConnectionPool({ startupNodes: [location], ...common }),
      new SentinelConnectionPool({ serviceName: 'm', sentinelManager, ...common }),
    ];
    await Promise.all(
      pools.map(async (pool) => {
        const outcome = await pool
          .executeRequest('GET', ['k'], { timeout: 60 })
          .catch((error: unknown) => error);
        assert.ok(outcome instanceof RedisError, String(outcome));
        await pool.close({ timeout: 50 });
      }),
    );
    await sentinelManager.close();
  }
  assert.equal(names(), before, 'a prototype was changed');
});

test(`a mutated second reply leaves the first call its value, and the next connection answers right (seed ${seed})`, async () => {
  const random = randomOf(seed + 3);
  let bytes: Buffer = Buffer.alloc(0);
  await using server = await ScriptedServer.start(
    ([name, key], connection) => {
      if (name !== 'GET') return undefined;
      if (key !== 'wrong') return reply.bulk(`value of ${key}`);
      for (const piece of cut(bytes, random)) connection.send(piece);
      return null;
    },
    { record: false },
  );
  await using pool = new ConnectionPool({
    location: server.location,

    maxConnections: 2,
  });
  const settled = (call: Promise<unknown>): Promise<unknown> =>
    call.catch((error: unknown) => {
      assert.ok(error instanceof RedisError, String(error));
      return error;
    });
  for (let turn = 0; turn < COUNT / 50; turn++) {
    bytes = mutated(random);
    const told = `seed ${seed}, input ${turn}: ${bytes.toString('base64')}`;
    const limits = { timeout: 40 };
    const [first] = await Promise.all([
      settled(pool.executeRequest('GET', ['before'], { timeout: 3_000 })),
      settled(pool.executeRequest('GET', ['wrong'], limits)),
    ]);
    assert.equal(String(first), 'value of before', told);
    pool.disconnect();
    const next = await settled(pool.executeRequest('GET', ['next'], { timeout: 3_000 }));
    assert.equal(String(next), 'value of next', told);
  }
});
