// node bench/micro/crossed.mjs [<folder of a build, by file>] (default .build; npm test and npm run check make it)
// Lists the files and functions that a GET, a lease, a MOVED, a lost subscription and a cached read run through, from
// V8's coverage; each is counted once. Every operation has run before, so that first-time work is not included.
import { Session } from 'node:inspector/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { list: { type: 'boolean' } } });
const root = pathToFileURL(`${resolve(positionals[0] ?? '.build')}/`).href;
const { Channel, ClusterConnectionPool, ConnectionPool, LRUCache } = await import(`${root}src/index.js`);
const { startCluster, startServer } = await import(`${root}src/testkit/index.js`);

const session = new Session();
session.connect();
await session.post('Profiler.enable');
await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });

async function crossed(name, run) {
  for (let before = 0; before < 3; before += 1) await run();
  await session.post('Profiler.takePreciseCoverage');
  await run();
  const { result } = await session.post('Profiler.takePreciseCoverage');
  const files = new Map();
  for (const { url, functions } of result) {
    if (!url.startsWith(`${root}src/`) || url.includes('/testkit/')) continue;
    const called = functions.filter(({ functionName, ranges }) => functionName !== '' && ranges[0].count > 0);
    if (called.length > 0)
      files.set(
        url.slice(root.length),
        called.map(({ functionName }) => functionName),
      );
  }
  const functions = [...files.values()].flat().length;
  console.log(
    `${name.padEnd(20)} ${String(files.size).padStart(3)} files ${String(functions).padStart(4)} functions`,
  );
  if (values.list)
    for (const [file, names] of [...files].sort()) console.log(`    ${file}: ${names.join(' ')}`);
}

{
  const server = await startServer();
  const pool = await new ConnectionPool({ location: server.location, decodeResponses: true }).open();
  await crossed('GET', () => pool.execute('GET', 'k'));
  await crossed('lease', async () => {
    const lease = await pool.acquire();
    lease.release();
  });
  const cached = await new ConnectionPool({
    location: server.location,
    decodeResponses: true,
    cache: new LRUCache(),
  }).open();
  await cached.execute('SET', 'k', 'v');
  await crossed('cached read', () => cached.execute('GET', 'k'));
  let gaps = 0;
  const channel = new Channel('news', {
    onGap: () => {
      gaps += 1;
    },
  });
  await pool.executePubsub('SUBSCRIBE', channel);
  await crossed('lost subscription', async () => {
    const seen = gaps;
    await server.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
    while (gaps === seen) await new Promise((done) => setTimeout(done, 20));
  });
  await Promise.all([pool.close(), cached.close()]);
  await server.stop();
}
{
  const cluster = await startCluster({ primaries: 3, replicasPerPrimary: 0 });
  const pool = new ClusterConnectionPool({
    startupNodes: cluster.locations,
    decodeResponses: true,
    reinitializeSteps: 1_000_000,
  });
  await pool.open();
  await pool.execute('SET', 'k', 'v');
  const { nodes } = cluster;
  const [slot] = [Number(await nodes[0].command('CLUSTER', 'KEYSLOT', 'far'))];
  const ids = await Promise.all(nodes.map((node) => node.command('CLUSTER', 'MYID').then(String)));
  let at = 0;
  await crossed('MOVED', async () => {
    // Moves the slot to the next node without telling the pool.
    at = (at + 1) % nodes.length;
    for (const node of nodes) await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', ids[at]);
    await pool.execute('GET', 'far');
  });
  await pool.close();
  await cluster.stop();
}
session.disconnect();
