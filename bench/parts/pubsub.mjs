import { join } from 'node:path';
import { comparison, number, rate, table } from '../report.mjs';
import { PUBLISHING } from '../rows.mjs';
import { BENCH, interleave, median, Runner, withRunners } from '../runner.mjs';
import { onCore } from '../server.mjs';
import { measureRow } from '../throughput.mjs';

const CLIENTS = [
  { id: 'respool-text', title: 'respool' },
  { id: 'respool-bytes', title: 'respool, bytes' },
  { id: 'respool-called', title: 'respool, `onMessage`' },
  { id: 'ioredis-text', title: 'ioredis' },
  { id: 'ioredis-bytes', title: 'ioredis, bytes' },
  { id: 'node-redis-text', title: 'node-redis' },
  { id: 'node-redis-bytes', title: 'node-redis, bytes' },
];
const KINDS = [
  { title: 'plain', command: 'PUBLISH', channel: (id) => `plain:${id}` },
  { title: 'pattern', command: 'PUBLISH', channel: (id) => `pattern:${id}:x` },
  { title: 'shard', command: 'SPUBLISH', channel: (id) => `shard:${id}` },
];
const SIZES = [16, 1024];

const runOf = (script, core, client, { host, port }) =>
  Runner.run(
    client,
    onCore(core, [process.execPath, join(BENCH, script), client.id, JSON.stringify({ host, port })]),
  );

async function received({ address, server, say, quick, rounds }) {
  // Lifts the output limit: the server would otherwise drop slow subscribers instead of waiting for them.
  await server.admin.command('CONFIG', 'SET', 'client-output-buffer-limit', 'pubsub 0 0 0');
  const publisher = await runOf('publisher.mjs', 1, { id: 'publisher', title: 'the publisher' }, address);
  const runners = [];
  for (const client of CLIENTS) runners.push(await runOf('subscriber.mjs', 0, client, address));
  const data = [];
  for (const size of SIZES) {
    const count = Math.round((quick ? 20_000 : 50_000) / (size > 16 ? 2 : 1));
    for (const { title, command, channel } of KINDS) {
      say(`messages of ${size} B, ${title}`);
      const measured = await interleave(runners, { rounds, settling: 3 }, async (runner) => {
        const order = { command, channel: channel(runner.client.id), size, count };
        const [cost] = await Promise.all([runner.ask({ count, size }), publisher.ask(order)]);
        return cost;
      });
      for (const [index, { client }] of runners.entries()) {
        data.push({
          id: client.id,
          kind: title,
          size,
          cpu: median(measured[index].map(({ cpu }) => cpu / count)),
          rate: median(measured[index].map(({ ms }) => (count / ms) * 1000)),
        });
      }
    }
  }
  for (const runner of [publisher, ...runners]) await runner.stop();
  return data;
}

function receivedTable(data) {
  const head = [
    'messages received, CPU µs each',
    ...CLIENTS.map(({ title }) => title),
    'of node-redis',
    '`onMessage` of it',
  ];
  const lines = SIZES.flatMap((size) =>
    KINDS.map(({ title }) => {
      const row = data.filter((one) => one.size === size && one.kind === title);
      const cpu = (id) => row.find((one) => one.id === id).cpu;
      const of = (id) => `${(cpu(id) / cpu('node-redis-text')).toFixed(2)} ×`;
      return [
        `${title}, ${rate(size)} B`,
        ...CLIENTS.map(({ id }) => number(cpu(id))),
        of('respool-text'),
        of('respool-called'),
      ];
    }),
  );
  return table([head, ...lines]);
}

function published({ address, compared, say, settings }) {
  return withRunners(compared, address, async (runners) => {
    const rows = [];
    for (const row of PUBLISHING) rows.push(await measureRow(row, runners, settings, say));
    return rows;
  });
}

export const pubsub = {
  id: 'pubsub',
  title: 'Publish and subscribe',
  async measure(context) {
    const { about, compared, quick, settings } = context;
    const rounds = Math.min(settings.rounds, quick ? 5 : 11);
    const data = {
      received: await received({ ...context, rounds }),
      published: await published(context),
    };
    const ids = compared.map(({ id }) => id);
    const text = [
      about(`medians of ${rounds} interleaved rounds`, compared),
      'One subscriber hears what is published as fast as the server takes it; a call of a function, or a turn of ' +
        '`for await`, for each message.',
      receivedTable(data.received),
      'Publishing, client CPU per call in µs, and calls per second:',
      table(comparison(data.published, 'respool', 'cpu', ids)),
      table(comparison(data.published, 'respool', 'rate', ids)),
    ];
    return { data, text: text.join('\n\n') };
  },
};
