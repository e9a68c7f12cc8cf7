import { CLIENTS } from './clients/index.mjs';

const PEERS = CLIENTS.filter((client) => client.peer).map((client) => client.id);
export const title = (id) => CLIENTS.find((client) => client.id === id).title;
export const number = (value) =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
export const rate = (value) => Math.round(value).toLocaleString('en-US');
/** Formats a factor; below 1.05 with two digits, because 0.96 and 1.04 would both become 1.0. */
export const times = (value) => `${value.toFixed(value < 1.05 ? 2 : 1)} ×`;

/** The other Node client with the least CPU for this row, or with the highest rate. */
export function best(row, measure = 'cpu') {
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

/** The figure of the C program, and this package's figure relative to it. */
function limitCells({ limit }, mine, measure, show) {
  if (limit === undefined || mine === undefined) return ['–', '–'];
  return [show(limit[measure]), `${(mine[measure] / limit[measure]).toFixed(2)} ×`];
}

export function comparison(rows, own, measure, ids) {
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
