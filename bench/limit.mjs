import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { BENCH, median } from './runner.mjs';
import { onCore } from './server.mjs';

/** The commands that the C program sends for each row. */
const COMMANDS = {
  'get16-1': ['GET', 'k16'],
  'get16-64': ['GET', 'k16'],
  'get16-burst': ['GET', 'k16'],
  'get200-burst': ['GET', 'k200'],
  'set16-burst': ['SET', 'w16', 'abcdefghijklmnop'],
  'incr-64': ['INCR', 'n'],
  get1k: ['GET', 'k1024'],
  get64k: ['GET', 'k64k'],
  mget50: ['MGET', ...Array.from({ length: 50 }, (_, index) => `m:${index}`)],
  lrange1000: ['LRANGE', 'list1000', '0', '-1'],
  xrange100: ['XRANGE', 'stream100', '-', '+'],
};
const ROUNDS = 5;
const TIME = 300_000;

/** Builds a C program of this folder. If that fails, it returns null and says why. */
export function buildProgram(source, libraries, say) {
  const program = join(mkdtempSync(join(tmpdir(), 'respool-bench-')), basename(source, '.c'));
  const { error, status, stderr } = spawnSync(
    'cc',
    ['-O2', '-o', program, join(BENCH, source), ...libraries.map((name) => `-l${name}`)],
    { encoding: 'utf8' },
  );
  if (error === undefined && status === 0) return program;
  const needed = ['gcc', ...libraries.map((name) => `lib${name}-dev`)].join(' ');
  say(`${source} cannot be built: apt-get install ${needed}\n${stderr ?? ''}`);
  return null;
}

/** The medians of the C program's figures for a row; null if it does not support the row. */
export function limitOf(program, { id, inFlight = 0, burst = 0 }, { host, port }) {
  const words = COMMANDS[id];
  if (words === undefined) return null;
  const rounds = Array.from({ length: ROUNDS }, () => {
    const [command, ...args] = onCore(0, [
      program,
      ...[host, port, TIME, inFlight, burst].map(String),
      ...words,
    ]);
    return JSON.parse(execFileSync(command, args, { encoding: 'utf8' }));
  });
  return { cpu: median(rounds.map(({ cpu }) => cpu)), rate: median(rounds.map(({ rate }) => rate)) };
}
