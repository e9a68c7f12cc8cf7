import { authorityOf, urlOf } from './index.mjs';

// RESPOOL_DIST names another build of the package, for comparisons.
const { command, ConnectionPool, defineScript, TCPConnection, TCPLocation } = await import(
  process.env.RESPOOL_DIST ?? '../../dist/index.js'
);

const both = (make) => {
  const made = new Map();
  return (decodeResponses) => {
    if (!made.has(decodeResponses)) made.set(decodeResponses, make(decodeResponses));
    return made.get(decodeResponses);
  };
};

const getByScript = defineScript({ lua: "return redis.call('GET', KEYS[1])", keys: 1 });

/** The client as users use it: `pool.execute` with default options. */
export async function connect(address) {
  const ca = authorityOf(address);
  const more = ca === undefined ? {} : { sslContext: { ca } };
  const pool = both((decodeResponses) =>
    ConnectionPool.fromUrl(urlOf(address), { decodeResponses, ...more }),
  );
  const text = pool(true);
  await text.execute('PING');
  return {
    get: (key) => text.execute('GET', key),
    getBytes: (key) => pool(false).execute('GET', key),
    set: (key, value) => text.execute('SET', key, value),
    incr: (key) => text.execute('INCR', key),
    mget: (keys) => text.execute('MGET', ...keys),
    lrange: (key) => text.execute('LRANGE', key, 0, -1),
    hgetall: (key) => text.execute('HGETALL', key),
    zrange: (key) => text.execute('ZRANGE', key, 0, -1, 'WITHSCORES'),
    xrange: (key) => text.execute('XRANGE', key, '-', '+'),
    lease: async (key) => {
      const lease = await text.acquire();
      const request = lease.connection.createRequest('GET', [key]);
      lease.release();
      return request;
    },
    transaction: (key, value) => text.transaction([command('SET', key, value), command('GET', key)]),
    script: (key) => text.run(getByScript, [key]),
    exchange: (key, value) => text.execute('SET', key, value, 'GET'),
    scan: async (count) => {
      let keys = 0;
      for await (const page of text.scan({ count }).pages()) keys += page.length;
      return keys;
    },
    publish: (channel, message) => text.execute('PUBLISH', channel, message),
    close: () => Promise.all([text.close(), pool(false).close()]),
  };
}

/** One connection, one `createRequest` per call. */
export async function connectOne({ host, port, textOnly = false }) {
  const open = both(async (decodeResponses) => {
    const connection = new TCPConnection(new TCPLocation(host, port), { decodeResponses });
    await connection.run();
    return connection;
  });
  const text = await open(true);
  const raw = textOnly ? text : await open(false);
  return {
    get: (key) => text.createRequest('GET', [key]),
    getBytes: (key) => raw.createRequest('GET', [key]),
    set: (key, value) => text.createRequest('SET', [key, value]),
    incr: (key) => text.createRequest('INCR', [key]),
    mget: (keys) => text.createRequest('MGET', keys),
    lrange: (key) => text.createRequest('LRANGE', [key, 0, -1]),
    hgetall: (key) => text.createRequest('HGETALL', [key]),
    zrange: (key) => text.createRequest('ZRANGE', [key, 0, -1, 'WITHSCORES']),
    xrange: (key) => text.createRequest('XRANGE', [key, '-', '+']),
    publish: (channel, message) => text.createRequest('PUBLISH', [channel, message]),
    close: () => Promise.all([text.close(), raw.close()]),
  };
}
