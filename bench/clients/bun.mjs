import { RedisClient } from 'bun';
import { authorityOf, urlOf } from './index.mjs';

export async function connect(address) {
  const ca = authorityOf(address);
  const client = new RedisClient(urlOf(address), ca === undefined ? {} : { tls: { ca } });
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
    publish: (channel, message) => client.publish(channel, message),
    close: () => client.close(),
  };
}
