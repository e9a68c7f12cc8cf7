// The cost of an operation as numbers grow: requests in flight, connections, sizes of replies; also small commands
// during a reply of 100 MiB. Runs in a process of its own, with the public interface.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { json } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const { ConnectionPool, TCPConnection, TCPLocation } = await import(
  process.env.RESPOOL_DIST ?? '../dist/index.js'
);

async function cost(work, operations) {
  const before = process.cpuUsage();
  const started = performance.now();
  await work();
  const ms = performance.now() - started;
  const { user, system } = process.cpuUsage(before);
  return { cpu: (user + system) / operations, ms };
}

/** The least of several rounds, which leaves out the machine's other work. */
async function least(rounds, work, operations) {
  const all = [];
  for (let round = 0; round < rounds; round += 1) all.push(await cost(work, operations));
  return { cpu: Math.min(...all.map(({ cpu }) => cpu)), ms: Math.min(...all.map(({ ms }) => ms)) };
}

async function inFlight(pool, total) {
  const points = [];
  for (const width of [1, 10, 100, 1000, 10_000, 100_000]) {
    const operations = Math.max(width, width === 1 ? 3000 : total);
    const work = async () => {
      for (let done = 0; done < operations; done += width) {
        const all = new Array(width);
        for (let index = 0; index < width; index += 1) all[index] = pool.execute('GET', 'k16');
        await Promise.all(all);
      }
    };
    await work();
    points.push({ width, ...(await least(7, work, operations)) });
  }
  return points;
}

async function connections({ host, port }, total) {
  const points = [];
  for (const count of [1, 4, 16, 64]) {
    const open = [];
    for (let index = 0; index < count; index += 1) {
      const connection = new TCPConnection(new TCPLocation(host, port), { decodeResponses: true });
      await connection.run();
      open.push(connection);
    }
    // Each connection has the same number of requests in flight.
    const work = async () => {
      for (let done = 0; done < total; done += 100 * count) {
        const all = [];
        for (const connection of open) {
          for (let index = 0; index < 100; index += 1) all.push(connection.createRequest('GET', ['k16']));
        }
        await Promise.all(all);
      }
    };
    await work();
    points.push({ count, ...(await least(7, work, Math.ceil(total / (100 * count)) * 100 * count)) });
    await Promise.all(open.map((connection) => connection.close()));
  }
  return points;
}

async function sizes(text, bytes, quick) {
  const strings = [];
  for (const mib of quick ? [1, 4, 16] : [1, 4, 16, 64, 256]) {
    await text.execute('SETRANGE', `s${mib}`, (mib << 20) - 1, 'x');
    const repeats = Math.max(1, Math.floor(64 / mib));
    const work = async () => {
      for (let at = 0; at < repeats; at += 1) await bytes.execute('GET', `s${mib}`);
    };
    await work();
    strings.push({ mib, ...(await least(5, work, repeats * mib)) });
    await text.execute('DEL', `s${mib}`);
  }
  const arrays = [];
  for (const entries of quick ? [1000, 10_000] : [1000, 10_000, 100_000, 1_000_000]) {
    for (let from = 0; from < entries; from += 10_000) {
      const items = Array.from({ length: Math.min(10_000, entries - from) }, (_, at) => `entry:${from + at}`);
      await text.execute('RPUSH', `l${entries}`, ...items);
    }
    const repeats = Math.max(1, Math.floor(200_000 / entries));
    const work = async () => {
      for (let at = 0; at < repeats; at += 1) await text.execute('LRANGE', `l${entries}`, 0, -1);
    };
    await work();
    arrays.push({ entries, ...(await least(5, work, repeats * entries)) });
    await text.execute('DEL', `l${entries}`);
  }
  return { strings, arrays };
}

const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
function percentiles(times) {
  const sorted = times.toSorted((a, b) => a - b);
  return { p50: at(sorted, 0.5), p99: at(sorted, 0.99), count: sorted.length };
}

/** Makes a small command every millisecond until `over` returns true; returns when each was made and answered. */
async function trickle(pool, over) {
  const calls = [];
  const waiting = [];
  while (!over()) {
    const call = { made: performance.now(), done: 0 };
    calls.push(call);
    waiting.push(
      pool.execute('GET', 'k16').then(() => {
        call.done = performance.now();
      }),
    );
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(waiting);
  return calls;
}

/**
 * Measures small commands alone, and during large replies. A command that is made before the reply's header arrives
 * waits behind the reply, because it went to the same connection. The first command that overtakes the reply marks the
 * time at which the header was seen.
 */
async function beside(bytes, quick) {
  const mib = quick ? 16 : 100;
  await bytes.execute('SETRANGE', 'huge', (mib << 20) - 1, 'x');
  const rest = performance.now() + (quick ? 500 : 3000);
  const alone = await trickle(bytes, () => performance.now() > rest);
  const after = [];
  let before = 0;
  const replies = quick ? 3 : 20;
  for (let reply = 0; reply < replies; reply += 1) {
    let over = Number.POSITIVE_INFINITY;
    const large = bytes.execute('GET', 'huge').then(() => {
      over = performance.now();
    });
    const calls = await trickle(bytes, () => over !== Number.POSITIVE_INFINITY);
    await large;
    const seen = Math.min(...calls.filter(({ done }) => done < over).map(({ made }) => made));
    before += calls.filter(({ made }) => made < seen).length;
    after.push(...calls.filter(({ made }) => made >= seen));
  }
  await bytes.execute('DEL', 'huge');
  const waits = (calls) => percentiles(calls.map(({ made, done }) => done - made));
  return { mib, replies, before, alone: waits(alone), busy: waits(after) };
}

/** Measures another process's PINGs during the same replies: the delay that the server and the machine cause. */
async function elsewhere(bytes, { host, port }, { mib, replies }) {
  const script = fileURLToPath(new URL('pings.mjs', import.meta.url));
  const other = spawn(process.execPath, [script, host, String(port)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const printed = json(other.stdout);
  // A clock that is the same in all processes.
  const now = () => Number(process.hrtime.bigint()) / 1e6;
  await bytes.execute('SETRANGE', 'huge', (mib << 20) - 1, 'x');
  await new Promise((resolve) => setTimeout(resolve, 500));
  const spans = [];
  const lease = await bytes.acquire();
  const { connection } = lease;
  for (let reply = 0; reply < replies; reply += 1) {
    const before = connection.statistics.bytesRead;
    let seen = null;
    const looking = setInterval(() => {
      if (connection.statistics.bytesRead > before) seen ??= now();
    }, 1);
    await connection.createRequest('GET', ['huge']);
    clearInterval(looking);
    if (seen !== null) spans.push({ seen, over: now() });
    // The server is silent while it prepares the next reply; no earlier PING may have to wait for that.
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  lease.release();
  await bytes.execute('DEL', 'huge');
  other.stdin.end();
  const [pings] = await Promise.all([printed, once(other, 'exit')]);
  const after = pings.filter(({ made }) => spans.some(({ seen, over }) => made >= seen && made < over));
  return percentiles(after.map(({ took }) => took));
}

export async function measureScale(address, { quick }) {
  const url = `redis://${address.host}:${address.port}`;
  const text = ConnectionPool.fromUrl(url, { decodeResponses: true });
  const bytes = ConnectionPool.fromUrl(url);
  const total = quick ? 20_000 : 100_000;
  const result = {
    inFlight: await inFlight(text, total),
    connections: await connections(address, total),
    ...(await sizes(text, bytes, quick)),
    beside: await beside(bytes, quick),
  };
  result.beside.elsewhere = await elsewhere(bytes, address, result.beside);
  await Promise.all([text.close(), bytes.close()]);
  return result;
}
