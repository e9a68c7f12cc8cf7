// A subscriber in a process of its own. Each order gives the number and size of the messages, which arrive the way the
// client's users receive them.
import { costOf, obey } from './obey.mjs';

const [name, place] = process.argv.slice(2);
const { host, port } = JSON.parse(place);
let heard = () => {};
const tell = (message) => heard(message);
/** Channels of this process alone, so that the server sends nothing to the other subscribers. */
const CHANNELS = { plain: `plain:${name}`, pattern: `pattern:${name}:`, shard: `shard:${name}` };

async function respool(decodeResponses) {
  const { ConnectionPool } = await import(process.env.RESPOOL_DIST ?? '../dist/index.js');
  const pool = ConnectionPool.fromUrl(`redis://${host}:${port}`, { decodeResponses });
  const listen = async (channel) => {
    for await (const message of channel) heard(message);
  };
  await pool.executePubsub('SUBSCRIBE', CHANNELS.plain);
  void listen(pool.pubsubChannels.get(CHANNELS.plain));
  await pool.executePubsub('PSUBSCRIBE', `${CHANNELS.pattern}*`);
  void (async () => {
    for await (const [, message] of pool.pubsubPatterns.get(`${CHANNELS.pattern}*`)) heard(message);
  })();
  await pool.executePubsub('SSUBSCRIBE', CHANNELS.shard);
  void listen(pool.pubsubShardChannels.get(CHANNELS.shard));
}

/** A function for each message, as other clients take it. */
async function respoolCalled() {
  const { Channel, ConnectionPool } = await import(process.env.RESPOOL_DIST ?? '../dist/index.js');
  const pool = ConnectionPool.fromUrl(`redis://${host}:${port}`);
  const options = { encoding: 'utf8', onMessage: tell };
  await pool.executePubsub('SUBSCRIBE', new Channel(CHANNELS.plain, options));
  const pattern = new Channel(`${CHANNELS.pattern}*`, { ...options, isPattern: true });
  await pool.executePubsub('PSUBSCRIBE', pattern);
  await pool.executePubsub('SSUBSCRIBE', new Channel(CHANNELS.shard, options));
}

async function ioredis(bytes) {
  const { default: Redis } = await import('ioredis');
  const client = new Redis({ host, port });
  const ending = bytes ? 'Buffer' : '';
  client.on(`message${ending}`, (_, message) => heard(message));
  client.on(`pmessage${ending}`, (_pattern, _channel, message) => heard(message));
  client.on(`smessage${ending}`, (_, message) => heard(message));
  await client.subscribe(CHANNELS.plain);
  await client.psubscribe(`${CHANNELS.pattern}*`);
  await client.ssubscribe(CHANNELS.shard);
}

async function nodeRedis(bytes) {
  const { createClient } = await import('redis');
  const client = await createClient({ url: `redis://${host}:${port}` }).connect();
  await client.subscribe(CHANNELS.plain, tell, bytes);
  await client.pSubscribe(`${CHANNELS.pattern}*`, tell, bytes);
  await client.sSubscribe(CHANNELS.shard, tell, bytes);
}

const SUBSCRIBERS = {
  'respool-text': () => respool(true),
  'respool-bytes': () => respool(false),
  'respool-called': respoolCalled,
  'ioredis-text': () => ioredis(false),
  'ioredis-bytes': () => ioredis(true),
  'node-redis-text': () => nodeRedis(false),
  'node-redis-bytes': () => nodeRedis(true),
};

await SUBSCRIBERS[name]();
/** Measures `count` messages of `size` characters, from the order to the last message. */
await obey(async ({ count, size }) => {
  let left = count;
  let bytes = 0;
  let done;
  const finished = new Promise((resolve) => {
    done = resolve;
  });
  heard = (message) => {
    bytes += message.length;
    left -= 1;
    if (left === 0) done();
  };
  const cost = await costOf(() => finished, count);
  if (bytes !== count * size) throw new Error(`${name} heard ${bytes} bytes instead of ${count * size}`);
  return cost;
});
process.exit(0);
