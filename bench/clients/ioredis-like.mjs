import { authorityOf } from './index.mjs';

export async function connectLike(Client, address) {
  const { host, port } = address;
  const ca = authorityOf(address);
  const client = new Client({ host, port, ...(ca === undefined ? {} : { tls: { ca } }) });
  await client.ping();
  client.defineCommand('getByScript', { numberOfKeys: 1, lua: "return redis.call('GET', KEYS[1])" });
  return {
    get: (key) => client.get(key),
    getBytes: (key) => client.getBuffer(key),
    set: (key, value) => client.set(key, value),
    incr: (key) => client.incr(key),
    mget: (keys) => client.mget(keys),
    lrange: (key) => client.lrange(key, 0, -1),
    hgetall: (key) => client.hgetall(key),
    zrange: (key) => client.zrange(key, 0, -1, 'WITHSCORES'),
    xrange: (key) => client.xrange(key, '-', '+'),
    transaction: async (key, value) => {
      const replies = await client.multi().set(key, value).get(key).exec();
      return replies.map(([error, reply]) => {
        if (error !== null) throw error;
        return reply;
      });
    },
    script: (key) => client.getByScript(key),
    exchange: (key, value) => client.set(key, value, 'GET'),
    scan: async (count) => {
      let keys = 0;
      for await (const page of client.scanStream({ count })) keys += page.length;
      return keys;
    },
    publish: (channel, message) => client.publish(channel, message),
    close: () => client.quit(),
  };
}
