// node bench/micro/instructions.mjs <dist> [<dist> …] [--only get,set,…] [--burst n] [--functions]
// Counts the instructions of one call with valgrind's callgrind, which other work on the machine does not affect. V8
// compiles a little differently each time, which changes the result by up to a tenth. `path.mjs` makes the calls; the
// difference of a long and a short run excludes start-up. --functions: lists the instructions by function.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const HERE = dirname(fileURLToPath(import.meta.url));
const SHORT = 100_000;
const LONG = 300_000;
const SHOWN = 30;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', default: 'get,set,incr,request' },
    burst: { type: 'string', default: '1000' },
    functions: { type: 'boolean', default: false },
  },
});

function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let text = '';
    child.stderr.on('data', (chunk) => {
      text += chunk;
    });
    child.on('error', () => reject(new Error(`${command} is not installed: apt-get install valgrind`)));
    child.on('close', (code) => (code === 0 ? resolve(text) : reject(new Error(text))));
  });
}

/** Instructions by function name; code that V8 generated has addresses instead. */
function read(file) {
  const names = new Map();
  const counts = new Map();
  let current = '';
  let called = false;
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const named = /^fn=\((\d+)\)(?: (.*))?$/.exec(line);
    const other = /^cfn=\((\d+)\) (.*)$/.exec(line);
    if (other !== null) names.set(other[1], other[2]);
    if (named !== null) {
      if (named[2] !== undefined) names.set(named[1], named[2]);
      current = names.get(named[1]);
    } else if (line.startsWith('calls=')) {
      called = true;
    } else if (/^[+\-*\d]/.test(line)) {
      // The line after a call holds the instructions of the called function.
      if (!called) counts.set(current, (counts.get(current) ?? 0) + Number(line.split(' ').at(-1)));
      called = false;
    }
  }
  return counts;
}

/** Looks up names of addresses, in the map that V8 writes for tools such as perf. */
function namer(map) {
  const spans = readFileSync(map, 'utf8')
    .split('\n')
    .map((line) => /^([0-9a-f]+) ([0-9a-f]+) (.*)$/.exec(line))
    .filter((found) => found !== null)
    .map(([, from, size, name]) => ({ from: parseInt(from, 16), size: parseInt(size, 16), name }));
  return (name) => {
    if (!/^0x[0-9a-f]+/.test(name)) return name;
    const at = Number(name.split(/[ ']/)[0]);
    return spans.findLast(({ from, size }) => at >= from && at < from + size)?.name ?? 'other compiled code';
  };
}

async function count(dist, name, operations) {
  const folder = mkdtempSync(join(tmpdir(), 'respool-instructions-'));
  const out = join(folder, 'callgrind.out');
  const calls = [join(HERE, 'path.mjs'), dist, '--only', name, '--bursts', options.burst];
  const engine = ['--single-threaded', '--perf-basic-prof'];
  const tool = ['--tool=callgrind', '--smc-check=all-non-file', `--callgrind-out-file=${out}`];
  try {
    const args = [...tool, process.execPath, ...engine, ...calls, '--operations', String(operations)];
    const said = await run('valgrind', args);
    const map = `/tmp/perf-${/^==(\d+)==/m.exec(said)?.[1]}.map`;
    const named = namer(map);
    rmSync(map);
    const sums = new Map();
    for (const [key, value] of read(out)) sums.set(named(key), (sums.get(named(key)) ?? 0) + value);
    return sums;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const total = (counts) => [...counts.values()].reduce((sum, value) => sum + value, 0);
for (const name of options.only.split(',')) {
  for (const dist of positionals) {
    const [short, long] = await Promise.all([SHORT, LONG].map((operations) => count(dist, name, operations)));
    const calls = LONG - SHORT;
    console.log(`${name.padEnd(8)} ${dist} ${Math.round((total(long) - total(short)) / calls)}`);
    if (!options.functions) continue;
    const each = [...long].map(([key, value]) => [key, (value - (short.get(key) ?? 0)) / calls]);
    for (const [key, value] of each.toSorted((a, b) => b[1] - a[1]).slice(0, SHOWN)) {
      console.log(`${value.toFixed(0).padStart(8)} ${key.slice(0, 100)}`);
    }
  }
}
