import { RedisClient } from 'bun';

export async function connect({ host, port }) {
  const client = new RedisClient(`redis://${host}:${port}`);
  await client.connect();
  return {
    get: (key) => client.get(key),
    getBytes: (key) => client.getBuffer(key),
    set: (key, value) => client.set(key, value),
    incr: (key) => client.incr(key),
    mget: (keys) => client.mget(...keys),
    lrange: (key) => client.send('LRANGE', [key, '0', '-1']),
    hgetall: (key) => client.send('HGETALL', [key]),
    zrange: (key) => client.send('ZRANGE', [key, '0', '-1', 'WITHSCORES']),
    xrange: (key) => client.send('XRANGE', [key, '-', '+']),
    close: () => client.close(),
  };
}
