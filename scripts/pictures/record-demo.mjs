// node scripts/pictures/record-demo.mjs: records a run of the demo in a terminal of its own (util-linux `script`) for
// the picture in the README, and writes docs/pictures/demo.json.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compile } from '../compile.mjs';
import { ROOT } from '../lib.mjs';

const COLUMNS = 112;
/** Milliseconds: a version of a line that is replaced sooner is dropped. */
const LEAST = 240;
const STYLES = { 1: 'bold', 2: 'soft', 31: 'red', 32: 'green', 36: 'blue' };
// A carriage return, a line feed, or an escape sequence that sets a colour or erases the line.
const CONTROL = /\r|\n|\x1b\[([\d;]*)([A-Za-z])/g;

const compiled = await compile();
if (compiled.code !== 0) throw new Error(compiled.output);
const command = `stty cols ${COLUMNS} rows 50; exec "${process.execPath}" .build/demo/main.js pool`;
const child = spawn('script', ['-qfec', command, '/dev/null'], {
  cwd: ROOT,
  env: { ...process.env, TERM: 'xterm-256color', FORCE_COLOR: undefined, NO_COLOR: undefined },
  stdio: ['ignore', 'pipe', 'inherit'],
});
const started = performance.now();

/** The versions of each row: its time, and its spans of text with a style. */
const rows = [[]];
let line = [];
let style = '';

function take(text, at) {
  let from = 0;
  for (const match of text.matchAll(CONTROL)) {
    write(text.slice(from, match.index));
    from = match.index + match[0].length;
    if (match[0] === '\n') {
      keep(at);
      rows.push([]);
      line = [];
    } else if (match[2] === 'K') line = [];
    else if (match[2] === 'm') setStyle(match[1]);
  }
  write(text.slice(from));
  keep(at);
}
function write(text) {
  if (text !== '') line.push([text, style]);
}
function setStyle(codes) {
  for (const code of codes.split(';')) style = STYLES[code] ?? '';
}
function keep(at) {
  const versions = rows.at(-1);
  const last = versions.at(-1);
  if (JSON.stringify(last?.spans) === JSON.stringify(line)) return;
  if (last !== undefined && line.length > 0 && last.spans.length > 0 && at - versions.at(-2)?.at < LEAST)
    versions.pop();
  versions.push({ at: Math.round(at), spans: [...line] });
}

child.stdout.setEncoding('utf8').on('data', (text) => take(text, performance.now() - started));
const code = await new Promise((resolve) => child.once('close', resolve));
if (code !== 0) throw new Error(`the demo ended with ${code}`);

const file = join(ROOT, 'docs', 'pictures', 'demo.json');
while (rows.at(-1).every(({ spans }) => spans.length === 0)) rows.pop();
const length = Math.round(performance.now() - started);
const text = rows.map((versions) => `  ${JSON.stringify(versions)}`).join(',\n');
writeFileSync(file, `{\n "columns": ${COLUMNS},\n "length": ${length},\n "rows": [\n${text}\n ]\n}\n`);
console.log(file, `${rows.length} rows, ${rows.flat().length} versions, ${length} ms`);
