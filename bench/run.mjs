// npm run bench [-- --quick] [--only text,…] [--clients id,…] [--rounds n] [--bun] [--awake] [--limit] [--all]
//               [--rows] [--open] [--pubsub] [--cache] [--tls] [--far] [--threads] [--runtimes] [--memory] [--scale]
//               [--costs] [--shards] [--cold] [--profile row [--node file]]
// --rows to --cold select the parts of parts/index.mjs; the default is --rows.
// --awake keeps the server's core from halting when idle, as it does on users' machines: the rows become steadier.
// --limit: also measures a small C program on hiredis that does the same, if it can be built.
// Results: bench/results/. A part that was measured in full replaces its block of docs/bench.md.
import { availableParallelism, cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { CLIENTS } from './clients/index.mjs';
import { buildProgram } from './limit.mjs';
import { PARTS } from './parts/index.mjs';
import { profileRow } from './profile.mjs';
import { publish } from './publish.mjs';
import { available } from './runner.mjs';
import { fill, PINNED, startServer } from './server.mjs';
import { versionsOf } from './versions.mjs';

const flag = { type: 'boolean', default: false };
const { values: options } = parseArgs({
  options: {
    ...Object.fromEntries(PARTS.map(({ id }) => [id, flag])),
    quick: flag,
    all: flag,
    awake: flag,
    limit: flag,
    bun: flag,
    only: { type: 'string' },
    clients: { type: 'string' },
    rounds: { type: 'string' },
    profile: { type: 'string' },
    node: { type: 'string' },
  },
});
const say = (text) => console.error(text);
// Many short rounds instead of a few long ones: disturbances last seconds and must not affect one client alone.
const settings = options.quick
  ? { rounds: 9, roundTime: 40, warmUp: 500 }
  : { rounds: 25, roundTime: 80, warmUp: 1000 };
if (options.rounds) settings.rounds = Number(options.rounds);

const wanted = options.clients?.split(',');
const chosen = CLIENTS.filter((client) => wanted?.includes(client.id) ?? true).filter((client) => {
  const here = available(client);
  if (!here && client.id !== 'bun') say(`${client.title} is not there and is left out`);
  return here;
});

const server = await startServer();
await fill(server);
const { host, port, version } = server;

/** The load before the measurements, mentioned if more programs want to run than there are cores. */
const load = loadavg()[0];
const beside = load > availableParallelism() ? `, beside other work (a load of ${load.toFixed(0)})` : '';

/** Describes where and how a part was measured; `how` comes between the machine and the other clients. */
function about(how, clients, place = PINNED ? 'client and server on a core each' : 'not pinned') {
  const machine = `Node ${process.version}, ${version}, ${cpus()[0]?.model.trim()}${beside}, ${place}`;
  const others = versionsOf(clients);
  return `${machine}${how.startsWith(' ') ? '' : ', '}${how}.${others === '' ? '' : `\nBeside ${others}.`}`;
}

const context = {
  about,
  address: { host, port },
  chosen,
  /** The clients that the parts with other kinds of servers compare. */
  compared: chosen.filter(({ id }) => id !== 'respool-connection'),
  only: options.only?.split(','),
  program: options.limit ? buildProgram('limit.c', ['hiredis'], say) : null,
  quick: options.quick,
  say,
  awake: options.awake,
  server,
  settings,
};

const asked = PARTS.filter(({ id }) => options.all || options[id]);
const parts = asked.length > 0 ? asked : PARTS.filter(({ id }) => id === 'rows');
const complete = !options.quick && !options.only && !options.clients && !options.awake;
const order = PARTS.map(({ id }) => id);
try {
  if (options.profile) {
    const client = CLIENTS.find(({ id }) => id === (wanted?.[0] ?? 'respool'));
    console.log(await profileRow(client, options.profile, context.address, options.node));
  } else {
    for (const part of parts) {
      say(`${part.id}: ${part.title}`);
      const measured = await part.measure(context);
      if (measured === null) continue;
      const text = `## ${part.title}\n\n${measured.text}`;
      publish(part.id, { ...measured, text }, { complete, order });
      console.log(text);
    }
  }
} finally {
  server.admin.close();
  server.stop();
}
process.exit(0);
