import { chart } from '../chart.mjs';
import { limitOf } from '../limit.mjs';
import { best, comparison, number, rate, table, times, title } from '../report.mjs';
import { ROWS } from '../rows.mjs';
import { withRunners } from '../runner.mjs';
import { keepAwake, WAKEABLE } from '../server.mjs';
import { measureRow, pipelined } from '../throughput.mjs';

/** The rows in which waking the server's core is most of the work. */
const WAKING = new Set(['get16-1', 'get16-64', 'incr-64', 'error-64', 'get16-burst', 'get200-burst']);
const AWAKE = "the server's core kept awake";

/** Starts new processes for every row, so that garbage and heap limits of one row do not affect the next. */
async function eachRow({ address, chosen, program, say, settings }, wanted) {
  const rows = [];
  for (const [index, row] of wanted.entries()) {
    say(`[${index + 1}/${wanted.length}] ${row.title}`);
    const measured = await withRunners(chosen, address, (runners) => measureRow(row, runners, settings, say));
    if (Object.keys(measured.results).length === 0) continue;
    const limit = program === null ? null : limitOf(program, row, address);
    rows.push(limit === null ? measured : { ...measured, limit });
  }
  return rows;
}

async function whileAwake(work) {
  const awake = keepAwake();
  try {
    return await work();
  } finally {
    awake.stop();
  }
}

/** The figure is not the server's limit: one connection of redis-benchmark waits for every 64 replies. */
const serversTool = (most) =>
  `For comparison: \`redis-benchmark\` with one connection and a pipeline of 64, GET 16 B: ${rate(most)} per second.`;

function tables({ rows, awake, pipelined: most }, ids) {
  const parts = [];
  const add = (heading, chosen, own) => {
    parts.push(`### ${heading}: client CPU per operation, µs`, table(comparison(chosen, own, 'cpu', ids)));
    parts.push(`### ${heading}: operations per second`, table(comparison(chosen, own, 'rate', ids)));
  };
  add('`pool.execute`, default options', rows, 'respool');
  if (most) parts.push(serversTool(most));
  if (awake.length > 0) add(`\`pool.execute\`, ${AWAKE}`, awake, 'respool');
  const shared = rows.filter(({ results }) => Object.keys(results).length > 1);
  if (ids.includes('respool-connection') && shared.length > 0)
    add('`createRequest` on one connection', shared, 'respool-connection');
  return parts;
}

/** The summary for the README: one line per row. */
function summary(rows, heading) {
  const bun = rows.some((row) => row.results.bun !== undefined);
  const head = [heading, 'respool', 'best Node peer', ...(bun ? ['Bun'] : [])];
  const lines = rows
    .filter((row) => row.results.respool && best(row))
    .map((row) => {
      const own = row.results.respool;
      const peer = best(row);
      const fastest = best(row, 'rate');
      return [
        row.title,
        number(own.cpu),
        `${number(row.results[peer].cpu)} (${title(peer)})`,
        ...(bun ? [row.results.bun ? number(row.results.bun.cpu) : '–'] : []),
        times(row.results[peer].cpu / own.cpu),
        times(own.rate / row.results[fastest].rate),
      ];
    });
  return table([[...head, 'less CPU', 'more per second'], ...lines]);
}

const CPU = 'client CPU per operation, µs';

export const rows = {
  id: 'rows',
  title: 'Throughput',
  async measure(context) {
    const { about, address, chosen, only, awake, settings } = context;
    const chosenRows = ROWS.filter(
      (row) => only?.some((text) => row.id.includes(text) || row.title.includes(text)) ?? true,
    );
    const all = () => eachRow(context, chosenRows);
    const data = {
      rows: awake ? await whileAwake(all) : await all(),
      pipelined: await pipelined(address),
      awake: [],
    };
    if (!awake && WAKEABLE && !only) {
      context.say(`the same with ${AWAKE}`);
      const waking = chosenRows.filter(({ id }) => WAKING.has(id));
      data.awake = await whileAwake(() => eachRow(context, waking));
    }
    const ids = chosen.map(({ id }) => id);
    const mood = awake && WAKEABLE ? " (the server's kept awake)" : " (the server's may sleep)";
    const words = about(`${mood}, medians of ${settings.rounds} interleaved rounds`, chosen);
    const readme = [words, summary(data.rows, CPU)];
    if (data.awake.length > 0) readme.push(`With ${AWAKE}:`, summary(data.awake, CPU));
    readme.push('![Work per second of client CPU](docs/bench.svg)');
    return {
      data,
      text: [words, ...tables(data, ids), '![chart](bench.svg)'].join('\n\n'),
      readme: readme.join('\n\n'),
      files: { 'bench.svg': chart({ rows: data.rows, clients: ids, about: words.split('\n')[0] }) },
    };
  },
};
