import { CLIENTS } from './clients/index.mjs';

const PEERS = CLIENTS.filter((client) => client.peer).map((client) => client.id);
const COLOURS = {
  respool: '#d1242f',
  'respool-connection': '#f0883e',
  ioredis: '#57606a',
  'node-redis': '#8c959f',
  iovalkey: '#afb8c1',
  glide: '#6e7781',
  bun: '#bf8700',
};

const title = (id) => CLIENTS.find((client) => client.id === id).title;
const number = (value) =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
const rate = (value) => Math.round(value).toLocaleString('en-US');
/** With one digit 0.96 and 1.04 would both be 1.0. */
const times = (value) => `${value.toFixed(value < 1.05 ? 2 : 1)} ×`;

/** The Node peer that needs the least CPU for this row, or does the most of it in a second. */
function best(row, measure = 'cpu') {
  const sign = measure === 'cpu' ? 1 : -1;
  const present = PEERS.filter((id) => row.results[id] !== undefined);
  return present.sort((a, b) => sign * (row.results[a][measure] - row.results[b][measure]))[0];
}

export function table(lines) {
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length), 3));
  const print = (line) =>
    `| ${line.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join(' | ')} |`;
  const rule = `| ${widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  return [print(lines[0]), rule, ...lines.slice(1).map(print)].join('\n');
}

/** The figure of the C program, and how near to it this package is. */
function limitCells({ limit }, mine, measure, show) {
  if (limit === undefined || mine === undefined) return ['–', '–'];
  return [show(limit[measure]), `${(mine[measure] / limit[measure]).toFixed(2)} ×`];
}

function comparison(rows, own, measure, ids) {
  const columns = [own, ...ids.filter((id) => id !== 'respool' && id !== 'respool-connection')];
  const show = measure === 'cpu' ? number : rate;
  const limited = rows.some((row) => row.limit !== undefined);
  const limitHead = limited ? ['in C', 'of C'] : [];
  const lines = [['workload', ...columns.map(title), 'best Node peer', 'ratio', ...limitHead]];
  for (const row of rows) {
    const peer = best(row, measure);
    const mine = row.results[own];
    let ratio = '–';
    if (mine && peer) {
      const theirs = row.results[peer];
      const value = measure === 'cpu' ? theirs.cpu / mine.cpu : mine.rate / theirs.rate;
      ratio = `${value.toFixed(2)} ×`;
    }
    const cells = columns.map((id) => (row.results[id] ? show(row.results[id][measure]) : '–'));
    const last = limited ? limitCells(row, mine, measure, show) : [];
    lines.push([row.title, ...cells, peer ? title(peer) : '–', ratio, ...last]);
  }
  return lines;
}

function scaleTables({ inFlight, connections, strings, arrays, beside }) {
  const ms = (value) => value.toFixed(2);
  const side = (name, { p50, p99, count }) => [name, rate(count), ms(p50), ms(p99)];
  return [
    '### Scale',
    table([
      ['requests in flight', 'CPU µs/op'],
      ...inFlight.map(({ width, cpu }) => [rate(width), number(cpu)]),
    ]),
    table([
      ['connections, 100 in flight on each', 'CPU µs/op'],
      ...connections.map(({ count, cpu }) => [rate(count), number(cpu)]),
    ]),
    table([
      ['one reply as bytes', 'CPU µs per MiB'],
      ...strings.map(({ mib, cpu }) => [`${mib} MiB`, number(cpu)]),
    ]),
    table([
      ['one array of short strings', 'CPU µs per entry'],
      ...arrays.map(({ entries, cpu }) => [`${rate(entries)} entries`, cpu.toFixed(3)]),
    ]),
    table([
      ['small commands, one per ms', 'measured', 'p50 ms', 'p99 ms'],
      side('alone', beside.alone),
      side(`beside ${beside.replies} replies of ${beside.mib} MiB, made after the header`, beside.busy),
      [`(made before the header, and behind it)`, rate(beside.before), '–', '–'],
      side('PINGs of another process beside such replies: the server and the machine', beside.elsewhere),
    ]),
  ];
}

function shardTable(rows) {
  const limit = ({ thread, shards }) => (thread < shards ? 'the client thread' : 'the shards');
  return [
    '### One client thread and three shards: GET 16 B, bursts over all of them',
    'From the CPU that each side needs for an operation, for the cores here are too few to see it.',
    table([
      ['burst', 'client µs', 'shard µs', 'one thread can, per s', 'three shards can, per s', 'the limit'],
      ...rows.map((row) => [
        rate(row.width),
        row.client.toFixed(2),
        row.server.toFixed(2),
        rate(row.thread),
        rate(row.shards),
        limit(row),
      ]),
    ]),
  ];
}

/** What was measured on, and beside whom. */
function heading({ about, versions }) {
  return versions === '' ? about : `${about}\nBeside ${versions}.`;
}

/** Not what the server can do at most: one connection of its own tool, which waits for each 64 replies. */
function serversTool(pipelined) {
  return `For comparison: \`redis-benchmark\` with one connection and a pipeline of 64, GET 16 B: ${rate(pipelined)} per second.`;
}

/** Everything measured, as markdown. */
export function markdown(result) {
  const { rows, clients, pipelined, awake, latency, memory, costs, scale, shards, cold, sizes } = result;
  const parts = [heading(result)];
  const variants = [
    ['respool', '`pool.execute`, default options'],
    ['respool-connection', '`createRequest` on one connection'],
  ];
  for (const [own, how] of variants.filter(
    ([id], index) => clients.includes(id) || (index === 0 && rows.length > 0),
  )) {
    const chosen = rows.filter(({ results }) => own === 'respool' || Object.keys(results).length > 1);
    if (chosen.length === 0) continue;
    parts.push(`### ${how}: client CPU per operation, µs`, table(comparison(chosen, own, 'cpu', clients)));
    parts.push(
      `### ${how}: operations per second`,
      table(comparison(chosen, own, 'rate', clients)),
      ...(pipelined ? [serversTool(pipelined)] : []),
    );
  }
  if (awake?.length) {
    parts.push(
      "### `pool.execute` where the server's core is kept awake: client CPU per operation, µs",
      table(comparison(awake, 'respool', 'cpu', clients)),
      "### `pool.execute` where the server's core is kept awake: operations per second",
      table(comparison(awake, 'respool', 'rate', clients)),
    );
  }
  if (latency?.length) {
    const lines = latency.map((one) => [
      one.title,
      rate(one.rate),
      ...[one.p50, one.p99, one.p999, one.max].map((ms) => ms.toFixed(2)),
      number(one.cpu),
    ]);
    parts.push(
      '### Latency under a fixed offered load (open loop, GET 16 B), ms',
      table([['client', 'offered per s', 'p50', 'p99', 'p99.9', 'max', 'CPU µs/op'], ...lines]),
    );
  }
  if (memory?.length) {
    const kib = (value) => (value / 1024).toFixed(1);
    const lines = memory.map((one) => [
      one.title,
      kib(one.idle.heap),
      kib(one.idle.rss),
      rate(one.inFlight.heap),
      ((one.inFlight.heap * 100_000) / 2 ** 20).toFixed(0),
    ]);
    parts.push(
      '### Memory',
      table([
        [
          'client',
          'idle connection, heap KiB',
          'idle connection, RSS KiB',
          'request in flight, bytes',
          '100,000 in flight, MiB',
        ],
        ...lines,
      ]),
    );
  }
  if (costs) {
    parts.push(
      '### What the extras cost, µs of client CPU',
      table([['call', 'in all', 'more'], ...costs.rows.map((one) => [one.title, number(one.cpu), one.more])]),
      '*In all* is the median of all rounds of a call. *More* compares each round with the round of the plain call ' +
        'that ran just before (the nearest row above with a dash) and is the median of these differences, so that ' +
        'it is not exactly the difference of the two medians.',
    );
  }
  if (scale) parts.push(...scaleTables(scale));
  if (shards?.rows.length) parts.push(...shardTable(shards.rows));
  if (cold?.length) {
    const lines = cold.map((one) => [
      one.title,
      one.ms.toFixed(0),
      one.sinceStart.toFixed(0),
      (sizes[one.id] / 2 ** 20).toFixed(2),
    ]);
    parts.push(
      '### Cold start and size',
      table([
        ['client', 'import to first reply, ms', 'process start to first reply, ms', 'installed, MiB'],
        ...lines,
      ]),
    );
  }
  return `${parts.join('\n\n')}\n`;
}

/** For the README: one line per row, and the picture. */
export function summary(result) {
  const { rows } = result;
  const bun = rows.some((row) => row.results.bun !== undefined);
  const head = ['client CPU per operation, µs', 'respool', 'best Node peer', ...(bun ? ['Bun'] : [])];
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
  const shown = table([[...head, 'less CPU', 'more per second'], ...lines]);
  return `${heading(result)}\n\n${shown}\n\n![Work per second of client CPU](docs/bench.svg)\n`;
}

const escaped = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;');

/** Operations per second of client CPU, the best Node peer being 1: longer is better. */
export function chart({ rows, clients, about }) {
  const shown = rows.filter((row) => best(row) !== undefined);
  const ids = clients.filter((id) => id !== 'respool-connection');
  const bar = 9;
  const rowHeight = ids.length * bar + 14;
  const [left, width, top] = [250, 520, 64];
  const value = (row, id) => (row.results[id] ? row.results[best(row)].cpu / row.results[id].cpu : 0);
  const most = Math.max(1, ...shown.flatMap((row) => ids.map((id) => value(row, id))));
  const scale = width / most;
  const height = top + shown.length * rowHeight + 40;
  const out = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${left + width + 70} ${height}" font-family="system-ui, sans-serif" font-size="11">`,
    '<style>@media (prefers-color-scheme: dark) { rect[fill="#ffffff"] { fill: #0d1117 } text[fill="#1f2328"] { fill: #e6edf3 } text[fill="#57606a"] { fill: #9198a1 } line { stroke: #3d444d } }</style>',
    '<rect width="100%" height="100%" fill="#ffffff"/>',
    '<text x="16" y="22" font-size="14" font-weight="600" fill="#1f2328">Work per second of client CPU (best Node peer = 1, longer is better)</text>',
  ];
  for (const [index, id] of ids.entries()) {
    out.push(`<rect x="${16 + index * 110}" y="34" width="10" height="10" fill="${COLOURS[id]}"/>`);
    out.push(`<text x="${30 + index * 110}" y="43" fill="#1f2328">${escaped(title(id))}</text>`);
  }
  out.push(
    `<line x1="${left + scale}" y1="${top - 6}" x2="${left + scale}" y2="${height - 34}" stroke="#d0d7de" stroke-dasharray="3 3"/>`,
  );
  for (const [index, row] of shown.entries()) {
    const y = top + index * rowHeight;
    out.push(
      `<text x="${left - 10}" y="${y + rowHeight / 2 - 3}" text-anchor="end" fill="#1f2328">${escaped(row.title)}</text>`,
    );
    for (const [position, id] of ids.entries()) {
      const ratio = value(row, id);
      if (ratio === 0) continue;
      const at = y + position * bar;
      out.push(
        `<rect x="${left}" y="${at}" width="${(ratio * scale).toFixed(1)}" height="${bar - 1}" fill="${COLOURS[id]}"/>`,
      );
      out.push(
        `<text x="${(left + ratio * scale + 4).toFixed(1)}" y="${at + bar - 1.5}" font-size="8" fill="#57606a">${ratio.toFixed(1)}</text>`,
      );
    }
  }
  out.push(`<text x="16" y="${height - 12}" font-size="9" fill="#57606a">${escaped(about)}</text>`, '</svg>');
  return `${out.join('\n')}\n`;
}
