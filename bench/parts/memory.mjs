import { rate, table } from '../report.mjs';
import { Runner } from '../runner.mjs';

const IN_FLIGHT = 100_000;
const kib = (value) => (value / 1024).toFixed(1);

/** Asks a new process: earlier measurements would affect its memory. */
async function once(client, address, order) {
  const runner = await Runner.start(client, address);
  const answer = await runner.ask(order);
  await runner.stop();
  return answer;
}

export const memory = {
  id: 'memory',
  title: 'Memory',
  async measure({ about, address, chosen, say }) {
    const clients = chosen.filter(({ id }) => id !== 'bun');
    const data = [];
    for (const client of clients) {
      say(`memory: ${client.title}`);
      const connections = client.id === 'glide' ? 50 : 500;
      const idle = await once(client, address, { type: 'idle', connections });
      const inFlight = await once(client, address, { type: 'inFlight', requests: IN_FLIGHT });
      data.push({ id: client.id, title: client.title, idle, inFlight });
    }
    const head = [
      'client',
      'idle connection, heap KiB',
      'idle connection, RSS KiB',
      'request in flight, bytes',
      `${rate(IN_FLIGHT)} in flight, MiB`,
    ];
    const lines = data.map((one) => [
      one.title,
      kib(one.idle.heap),
      kib(one.idle.rss),
      rate(one.inFlight.heap),
      ((one.inFlight.heap * IN_FLIGHT) / 2 ** 20).toFixed(0),
    ]);
    return { data, text: `${about('a process for each figure', clients)}\n\n${table([head, ...lines])}` };
  },
};
