// One client in a process of its own: reads orders as lines of JSON, answers each with one line.
import { createInterface } from 'node:readline';
import { CLIENTS, connectTo } from './clients/index.mjs';
import { measureInFlight, measureIdle } from './memory.mjs';
import { measureLatency } from './latency.mjs';
import { ROWS } from './rows.mjs';

const [id, host, port] = process.argv.slice(2);
const address = { host, port: Number(port) };
if (!CLIENTS.some((client) => client.id === id)) throw new Error(`unknown client ${id}`);

/** Rejects are the row's failure: a client that refuses work is not fast. */
async function keepInFlight(client, row, operations) {
  let left = operations;
  const worker = async () => {
    while (left > 0) {
      left -= 1;
      await row.call(client);
    }
  };
  await Promise.all(Array.from({ length: Math.min(row.inFlight, operations) }, worker));
}

async function bursts(client, row, operations) {
  for (let done = 0; done < operations; done += row.burst) {
    const all = new Array(row.burst);
    for (let index = 0; index < row.burst; index += 1) all[index] = row.call(client);
    await Promise.all(all);
  }
}

async function round(client, { row: rowId, operations }) {
  const row = ROWS.find((one) => one.id === rowId);
  const count = row.burst ? Math.max(1, Math.round(operations / row.burst)) * row.burst : operations;
  const cpuBefore = process.cpuUsage();
  const before = process.hrtime.bigint();
  await (row.burst ? bursts(client, row, count) : keepInFlight(client, row, count));
  const ms = Number(process.hrtime.bigint() - before) / 1e6;
  const cpu = process.cpuUsage(cpuBefore);
  return { operations: count, ms, cpu: cpu.user + cpu.system };
}

async function verify(client, { row: rowId }) {
  const row = ROWS.find((one) => one.id === rowId);
  const reply = await row.call(client);
  if (!row.check(reply)) throw new Error(`wrong answer to ${row.title}: ${String(reply).slice(0, 80)}`);
  return { right: true };
}

const ORDERS = {
  round,
  verify,
  latency: (client, order) => measureLatency(() => client.get('k16'), order),
  inFlight: (client, order) => measureInFlight(() => client.get('k16'), order),
  scale: async (_client, order) => (await import('./scale.mjs')).measureScale(address, order),
  shards: async (_client, order) => (await import('./shards.mjs')).measureShards(order),
  costs: async (_client, order) => (await import('./costs.mjs')).measureCosts(address, order),
  idle: (_client, order) => measureIdle(() => connectTo(id, { ...address, textOnly: true }), order),
};

const client = await connectTo(id, address);
console.log(JSON.stringify({ ready: true }));
for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  if (order.type === 'close') break;
  try {
    console.log(JSON.stringify(await ORDERS[order.type](client, order)));
  } catch (error) {
    console.log(JSON.stringify({ error: error?.message || String(error?.stack ?? error) }));
  }
}
const force = setTimeout(() => process.exit(0), 2000);
force.unref();
await client.close();
process.exit(0);
