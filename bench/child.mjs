// One client in a process of its own: reads orders as lines of JSON and answers each with one line.
import { costOf, obey } from './obey.mjs';
import { CLIENTS, connectTo } from './clients/index.mjs';
import { measureInFlight, measureIdle } from './memory.mjs';
import { measureLatency, measureMost } from './latency.mjs';
import { PUBLISHING, ROWS } from './rows.mjs';

const [id, place] = process.argv.slice(2);
const rowOf = (wanted) => [...ROWS, ...PUBLISHING].find(({ id: own }) => own === wanted);
const address = JSON.parse(place);
if (!CLIENTS.some((client) => client.id === id)) throw new Error(`unknown client ${id}`);

/** A rejected call fails the row: a client that refuses work is not fast. */
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
  const row = rowOf(rowId);
  const count = row.burst ? Math.max(1, Math.round(operations / row.burst)) * row.burst : operations;
  return costOf(() => (row.burst ? bursts(client, row, count) : keepInFlight(client, row, count)), count);
}

async function verify(client, { row: rowId }) {
  const row = rowOf(rowId);
  const reply = await row.call(client);
  if (!row.check(reply)) throw new Error(`wrong answer to ${row.title}: ${String(reply).slice(0, 80)}`);
  return { right: true };
}

const ORDERS = {
  round,
  verify,
  latency: (client, order) => measureLatency(() => client.get('k16'), order),
  most: (client, order) => measureMost(() => client.get('k16'), order),
  inFlight: (client, order) => measureInFlight(() => client.get('k16'), order),
  scale: async (_client, order) => (await import('./scale.mjs')).measureScale(address, order),
  shards: async (_client, order) => (await import('./shards.mjs')).measureShards(order),
  costs: async (_client, order) => (await import('./costs.mjs')).measureCosts(address, order),
  idle: (_client, order) => measureIdle(() => connectTo(id, { ...address, textOnly: true }), order),
};

const client = await connectTo(id, address);
await obey((order) => ORDERS[order.type](client, order));
const force = setTimeout(() => process.exit(0), 2000);
force.unref();
await client.close();
process.exit(0);
