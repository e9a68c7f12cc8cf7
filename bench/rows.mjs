import { utf8Text } from './server.mjs';

const S16 = 'abcdefghijklmnop';
const S1024 = S16.repeat(64);
/** A key as long as a SHA-1 in hexadecimal digits. */
const KEY40 = 'exchange:'.padEnd(40, 'x');
const B64K = Buffer.alloc(65_536, S16);
const MANY = Array.from({ length: 50 }, (_, index) => `m:${index}`);
const UTF1024 = utf8Text(1024);

const text = (size) => (reply) => typeof reply === 'string' && reply.length === size;
const bytes = (size) => (reply) => reply instanceof Uint8Array && reply.length === size;
const list = (size) => (reply) => Array.isArray(reply) && reply.length === size;
/** Checks the size of a map, an object, pairs or a flat list: clients return different shapes. */
const pairs = (size) => (reply) =>
  (reply?.size ?? (Array.isArray(reply) ? reply.length : Object.keys(reply).length)) >= size;
const done = (reply) => reply === 'OK';
const messageOf = (error) => error.message;

/**
 * The rows. `inFlight`: so many calls are always outstanding. `burst`: so many calls are made in one tick and awaited
 * together. `clients`: the only clients that have such a call.
 */
export const ROWS = [
  { id: 'get16-1', title: 'GET 16 B, 1 in flight', inFlight: 1, call: (c) => c.get('k16'), check: text(16) },
  {
    id: 'get16-64',
    title: 'GET 16 B, 64 in flight',
    inFlight: 64,
    call: (c) => c.get('k16'),
    check: text(16),
  },
  {
    id: 'get16-burst',
    title: 'GET 16 B, bursts of 1000',
    burst: 1000,
    call: (c) => c.get('k16'),
    check: text(16),
  },
  {
    id: 'get200-burst',
    title: 'GET 200 B, bursts of 50',
    burst: 50,
    call: (c) => c.get('k200'),
    check: text(200),
  },
  {
    id: 'set16-burst',
    title: 'SET 16 B, bursts of 1000',
    burst: 1000,
    call: (c) => c.set('w16', S16),
    check: done,
  },
  { id: 'incr-64', title: 'INCR, 64 in flight', inFlight: 64, call: (c) => c.incr('n'), check: (n) => n > 0 },
  {
    id: 'error-64',
    title: 'INCR of text: error replies, 64 in flight',
    inFlight: 64,
    call: (c) => c.incr('k16').catch(messageOf),
    check: (message) => message?.includes('not an integer') === true,
  },
  {
    id: 'get1k',
    title: 'GET 1 KiB, 64 in flight',
    inFlight: 64,
    call: (c) => c.get('k1024'),
    check: text(1024),
  },
  {
    id: 'get1k-bytes',
    title: 'GET 1 KiB as bytes, 64 in flight',
    inFlight: 64,
    call: (c) => c.getBytes('k1024'),
    check: bytes(1024),
  },
  {
    id: 'set1k',
    title: 'SET 1 KiB, 64 in flight',
    inFlight: 64,
    call: (c) => c.set('w1024', S1024),
    check: done,
  },
  {
    id: 'get1k-utf8',
    title: 'GET 1 KiB of UTF-8, 64 in flight',
    inFlight: 64,
    call: (c) => c.get('utf1024'),
    check: (reply) => reply === UTF1024,
  },
  {
    id: 'get64k',
    title: 'GET 64 KiB, 16 in flight',
    inFlight: 16,
    call: (c) => c.get('k64k'),
    check: text(65_536),
  },
  {
    id: 'get4m-bytes',
    title: 'GET 4 MiB as bytes, 2 in flight',
    inFlight: 2,
    call: (c) => c.getBytes('k4m'),
    check: bytes(4 << 20),
  },
  {
    id: 'set64k-bytes',
    title: 'SET 64 KiB bytes, 16 in flight',
    inFlight: 16,
    call: (c) => c.set('w64k', B64K),
    check: done,
  },
  { id: 'mget50', title: 'MGET 50, 16 in flight', inFlight: 16, call: (c) => c.mget(MANY), check: list(50) },
  {
    id: 'lrange1000',
    title: 'LRANGE 1000, 8 in flight',
    inFlight: 8,
    call: (c) => c.lrange('list1000'),
    check: list(1000),
  },
  {
    id: 'hgetall100',
    title: 'HGETALL 100 as a map, 16 in flight',
    inFlight: 16,
    call: (c) => c.hgetall('hash100'),
    check: pairs(100),
  },
  {
    id: 'zrange500',
    title: 'ZRANGE 500 WITHSCORES, 16 in flight',
    inFlight: 16,
    call: (c) => c.zrange('zset500'),
    check: pairs(500),
  },
  {
    id: 'xrange100',
    title: 'XRANGE of 100 entries, 16 in flight',
    inFlight: 16,
    clients: ['respool', 'respool-connection', 'ioredis', 'iovalkey', 'node-redis', 'bun'],
    call: (c) => c.xrange('stream100'),
    check: list(100),
  },
  {
    id: 'lease-64',
    title: 'lease, GET 16 B, release; 64 parallel',
    inFlight: 64,
    own: true,
    call: (c) => c.lease('k16'),
    check: text(16),
  },
  {
    id: 'transaction',
    title: 'transaction of SET and GET 16 B, 64 in flight',
    inFlight: 64,
    clients: ['respool', 'ioredis', 'iovalkey'],
    call: (c) => c.transaction('t16', S16),
    check: (reply) => reply[0] === 'OK' && reply[1] === S16,
  },
  {
    id: 'script',
    title: 'script that does GET 16 B, 64 in flight',
    inFlight: 64,
    clients: ['respool', 'ioredis', 'iovalkey'],
    call: (c) => c.script('k16'),
    check: text(16),
  },
  {
    id: 'script-size',
    title: 'SET … GET of the size of that script call, 64 in flight',
    inFlight: 64,
    clients: ['respool', 'ioredis', 'iovalkey'],
    call: (c) => c.exchange(KEY40, S16),
    check: (reply) => reply === null || reply === S16,
  },
  {
    id: 'scan',
    title: 'SCAN of 10,000 keys in steps of 1,000',
    inFlight: 1,
    clients: ['respool', 'ioredis', 'iovalkey'],
    call: (c) => c.scan(1_000),
    check: (keys) => keys >= 10_000,
  },
];

/** `PUBLISH` without subscribers. */
export const PUBLISHING = [
  {
    id: 'publish-64',
    title: 'PUBLISH 16 B, 64 in flight',
    inFlight: 64,
    call: (c) => c.publish('nobody', S16),
    check: (heard) => Number(heard) === 0,
  },
  {
    id: 'publish-1k',
    title: 'PUBLISH 1 KiB, 64 in flight',
    inFlight: 64,
    call: (c) => c.publish('nobody', S1024),
    check: (heard) => Number(heard) === 0,
  },
  {
    id: 'publish-burst',
    title: 'PUBLISH 16 B, bursts of 1000',
    burst: 1000,
    call: (c) => c.publish('nobody', S16),
    check: (heard) => Number(heard) === 0,
  },
];
