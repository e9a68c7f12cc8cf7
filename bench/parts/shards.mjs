import { rate, table } from '../report.mjs';
import { withRunners } from '../runner.mjs';

const HEAD = [
  'burst',
  'client µs',
  'shard µs',
  'one thread can, per s',
  'three shards can, per s',
  'the limit',
];
const limit = ({ thread, shards }) => (thread < shards ? 'the client thread' : 'the shards');

export const shards = {
  id: 'shards',
  title: 'One client thread and three shards: GET 16 B, bursts over all of them',
  async measure({ about, address, chosen, quick }) {
    const own = chosen.filter(({ id }) => id === 'respool');
    if (own.length === 0 || process.platform !== 'linux') return null;
    const data = await withRunners(own, address, ([runner]) => runner.ask({ type: 'shards', quick }));
    const lines = data.rows.map((row) => [
      rate(row.width),
      row.client.toFixed(2),
      row.server.toFixed(2),
      rate(row.thread),
      rate(row.shards),
      limit(row),
    ]);
    const how =
      'from the CPU that each side needs for an operation, for the cores here are too few to see it';
    return { data, text: `${about(how, own)}\n\n${table([HEAD, ...lines])}` };
  },
};
