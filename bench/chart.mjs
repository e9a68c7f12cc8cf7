import { best, title } from './report.mjs';

const COLOURS = {
  respool: '#d1242f',
  'respool-connection': '#f0883e',
  ioredis: '#57606a',
  'node-redis': '#8c959f',
  iovalkey: '#afb8c1',
  glide: '#6e7781',
  bun: '#bf8700',
};

const escaped = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;');

/** A chart of operations per second of client CPU, relative to the best other Node client (1): longer is better. */
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
