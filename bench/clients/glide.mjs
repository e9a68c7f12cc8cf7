import { Decoder, GlideClient } from '@valkey/valkey-glide';

/** Raises the client's default limits (1,000 in flight, 250 ms): otherwise the rows would end in errors. */
export async function connect({ host, port, tls }) {
  // The client has no option for a certificate authority.
  const more = { useTLS: true, advancedConfiguration: { tlsAdvancedConfiguration: { insecure: true } } };
  const client = await GlideClient.createClient({
    addresses: [{ host, port }],
    requestTimeout: 60_000,
    inflightRequestsLimit: 200_000,
    ...(tls === undefined ? {} : more),
  });
  const raw = { decoder: Decoder.Bytes };
  return {
    get: (key) => client.get(key),
    getBytes: (key) => client.get(key, raw),
    set: (key, value) => client.set(key, value),
    incr: (key) => client.incr(key),
    mget: (keys) => client.mget(keys),
    lrange: (key) => client.lrange(key, 0, -1),
    hgetall: (key) => client.hgetall(key),
    zrange: (key) => client.zrangeWithScores(key, { start: 0, end: -1 }),
    publish: (channel, message) => client.publish(message, channel),
    close: () => client.close(),
  };
}
