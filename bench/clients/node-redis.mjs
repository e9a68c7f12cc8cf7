import { createClient, RESP_TYPES } from 'redis';
import { authorityOf, urlOf } from './index.mjs';

export async function connect(address) {
  const ca = authorityOf(address);
  const socket = ca === undefined ? {} : { socket: { tls: true, ca } };
  const client = createClient({ url: urlOf(address), ...socket });
  client.on('error', (error) => console.error(error));
  await client.connect();
  const bytes = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  return {
    get: (key) => client.get(key),
    getBytes: (key) => bytes.get(key),
    set: (key, value) => client.set(key, value),
    incr: (key) => client.incr(key),
    mget: (keys) => client.mGet(keys),
    lrange: (key) => client.lRange(key, 0, -1),
    hgetall: (key) => client.hGetAll(key),
    zrange: (key) => client.zRangeWithScores(key, 0, -1),
    xrange: (key) => client.xRange(key, '-', '+'),
    publish: (channel, message) => client.publish(channel, message),
    close: () => client.close(),
  };
}
