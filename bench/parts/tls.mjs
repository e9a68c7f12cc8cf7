import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { connectTo } from '../clients/index.mjs';
import { comparison, table } from '../report.mjs';
import { ROWS } from '../rows.mjs';
import { withRunners } from '../runner.mjs';
import { fill, freePort, startServer } from '../server.mjs';
import { measureRow } from '../throughput.mjs';

const WANTED = new Set([
  'get16-1',
  'get16-64',
  'get16-burst',
  'get200-burst',
  'set16-burst',
  'incr-64',
  'get1k',
  'set1k',
  'get64k',
]);
/** The type of TLS records with application data, and the length of a record's header. */
const DATA = 23;
const HEADER = 5;
const BURSTS = [1, 50, 200, 1000];

/** Starts a proxy that counts the TLS records that clients send. */
async function countingProxy({ host, port }) {
  const proxy = { records: 0, host, port: await freePort() };
  const server = createServer((client) => {
    const target = connect({ host, port });
    let rest = Buffer.alloc(0);
    client.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= HEADER && rest.length >= HEADER + rest.readUInt16BE(3)) {
        if (rest[0] === DATA) proxy.records += 1;
        rest = rest.subarray(HEADER + rest.readUInt16BE(3));
      }
    });
    client.pipe(target).pipe(client);
    for (const socket of [client, target]) socket.on('error', () => client.destroy());
  });
  server.listen(proxy.port, host);
  await once(server, 'listening');
  proxy.close = () => server.close();
  return proxy;
}

/** The number of TLS records in which each client sends a burst of GETs of one tick. */
async function records(address, clients) {
  const proxy = await countingProxy(address);
  const lines = [];
  for (const { id, title } of clients) {
    const client = await connectTo(id, { host: proxy.host, port: proxy.port, tls: address.tls });
    const counts = [];
    for (const burst of BURSTS) {
      const before = proxy.records;
      await Promise.all(Array.from({ length: burst }, () => client.get('k16')));
      counts.push(proxy.records - before);
    }
    await client.close();
    lines.push([title, ...counts.map(String)]);
  }
  proxy.close();
  return lines;
}

async function startTlsServer() {
  const { testCertificates } = await import('../../dist/testkit/index.js');
  const { authority, server: own } = testCertificates();
  const ca = authority.certificate.certPath;
  const tlsPort = await freePort();
  const files = ['--tls-ca-cert-file', ca, '--tls-cert-file', own.certPath, '--tls-key-file', own.keyPath];
  const more = ['--tls-port', tlsPort, '--tls-auth-clients', 'no', ...files];
  const server = await startServer(undefined, more);
  return { ...server, address: { host: server.host, port: tlsPort, tls: ca } };
}

export const tls = {
  id: 'tls',
  title: 'Over TLS',
  async measure({ about, compared, say, settings }) {
    const server = await startTlsServer();
    await fill(server);
    const rows = [];
    for (const row of ROWS.filter(({ id }) => WANTED.has(id))) {
      say(row.title);
      rows.push(
        await withRunners(compared, server.address, (runners) => measureRow(row, runners, settings, say)),
      );
    }
    const own = compared.filter(({ id }) => id === 'respool' || id === 'ioredis' || id === 'node-redis');
    const counted = await records(server.address, own);
    server.admin.close();
    server.stop();
    const ids = compared.map(({ id }) => id);
    const text = [
      about(`medians of ${settings.rounds} interleaved rounds`, compared),
      'Client CPU per operation in µs, and operations per second:',
      table(comparison(rows, 'respool', 'cpu', ids)),
      table(comparison(rows, 'respool', 'rate', ids)),
      'TLS records that the client sends for GETs made in one tick, counted by a proxy:',
      table([['client', ...BURSTS.map((burst) => `${burst} GETs`)], ...counted]),
    ];
    return { data: { rows, records: counted }, text: text.join('\n\n') };
  },
};
