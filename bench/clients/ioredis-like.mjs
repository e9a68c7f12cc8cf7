export async function connectLike(Client, { host, port }) {
  const client = new Client(port, host);
  await client.ping();
  return {
    get: (key) => client.get(key),
    getBytes: (key) => client.getBuffer(key),
    set: (key, value) => client.set(key, value),
    incr: (key) => client.incr(key),
    mget: (keys) => client.mget(keys),
    lrange: (key) => client.lrange(key, 0, -1),
    hgetall: (key) => client.hgetall(key),
    zrange: (key) => client.zrange(key, 0, -1, 'WITHSCORES'),
    close: () => client.quit(),
  };
}
