// Smaller consumers of ioredis over respool/ioredis.
import assert from 'node:assert/strict';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import Redlock from 'redlock';
import { RedisPubSub } from 'graphql-redis-subscriptions';
import fastifyRedis from '@fastify/redis';
import rateLimit from '@fastify/rate-limit';
import Fastify from 'fastify';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { createAdapter } from '@socket.io/redis-adapter';
import { createAdapter as createStreamsAdapter } from '@socket.io/redis-streams-adapter';
import { Server } from 'socket.io';
import { io } from 'socket.io-client';

export async function rateLimiter(connect) {
  const storeClient = connect();
  const limiter = new RateLimiterRedis({ storeClient, points: 5, duration: 10, keyPrefix: 'limit' });
  for (let n = 1; n <= 5; n++) assert.equal((await limiter.consume('user')).remainingPoints, 5 - n);
  await assert.rejects(limiter.consume('user'), (refusal) => refusal.msBeforeNext > 0);
  await limiter.delete('user');
  assert.equal(await limiter.get('user'), null);
  storeClient.disconnect();
  return 'consume, refuse, delete';
}

export async function redlock(connect) {
  const client = connect();
  const locks = new Redlock([client], { retryCount: 2, retryDelay: 10 });
  const lock = await locks.lock('resource', 1_000);
  await assert.rejects(locks.lock('resource', 1_000));
  await (await lock.extend(2_000)).unlock();
  await (await locks.lock('resource', 1_000)).unlock();
  client.disconnect();
  return 'lock, refuse, extend, unlock';
}

export async function graphql(connect) {
  const pubsub = new RedisPubSub({ publisher: connect(), subscriber: connect() });
  const heard = new Promise((resolve) => void pubsub.subscribe('topic', resolve));
  const pattern = new Promise((resolve) => void pubsub.subscribe('to*', resolve, { pattern: true }));
  while (!(await Promise.race([heard, pubsub.publish('topic', { n: 1 }).then(() => null)])));
  assert.deepEqual(await heard, { n: 1 });
  assert.deepEqual(await pattern, { n: 1 });
  await pubsub.close();
  return 'topics and patterns';
}

async function twoServers(adapterOf) {
  const servers = [];
  for (let n = 0; n < 2; n++) {
    const http = createServer().listen(0, '127.0.0.1');
    await once(http, 'listening');
    servers.push({ http, sockets: new Server(http, { adapter: adapterOf() }) });
  }
  const [first, second] = servers;
  const client = io(`http://127.0.0.1:${second.http.address().port}`, { transports: ['websocket'] });
  await once(client, 'connect');
  const heard = once(client, 'news');
  const timer = setInterval(() => first.sockets.emit('news', 'hello'), 50);
  assert.deepEqual(await heard, ['hello']);
  clearInterval(timer);
  client.disconnect();
  for (const { sockets } of servers) await sockets.close();
}

export async function socketIo(connect) {
  const clients = [connect(), connect(), connect(), connect()];
  const left = [...clients];
  await twoServers(() => createAdapter(left.pop(), left.pop()));
  for (const client of clients) client.disconnect();
  return 'an event from one server to a client of the other';
}

export async function socketIoStreams(connect) {
  const clients = [connect(), connect()];
  const left = [...clients];
  await twoServers(() => createStreamsAdapter(left.pop()));
  for (const client of clients) client.disconnect();
  return 'an event from one server to a client of the other';
}

/** The plug-in gets a client, and the limiter gets the plug-in's. */
export async function fastify(connect) {
  const app = Fastify();
  await app.register(fastifyRedis, { client: connect(), closeClient: true });
  await app.register(fastifyRedis, { client: connect(), namespace: 'other', closeClient: true });
  await app.register(rateLimit, { max: 2, timeWindow: '1 minute', redis: app.redis.other });
  app.get('/', async () => app.redis.incr('visits'));
  const replies = [];
  for (let call = 0; call < 3; call++) replies.push(await app.inject('/'));
  assert.deepEqual(
    replies.map(({ statusCode }) => statusCode),
    [200, 200, 429],
  );
  assert.deepEqual(
    replies.map(({ headers }) => headers['x-ratelimit-remaining']),
    ['1', '0', '0'],
  );
  assert.equal(await app.redis.get('visits'), '2');
  await app.close();
  return 'a client for the plug-in, and a limit of two';
}
