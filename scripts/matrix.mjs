// What the commands of the matrix share: one run of some test files, and the table of all of them.
import { spawn } from 'node:child_process';
import { ROOT } from './lib.mjs';

/**
 * Runs a command; resolves with its exit code and the last part of what it printed.
 * @param {readonly string[]} command
 * @param {Record<string, string | undefined>} env
 * @param {number} limit milliseconds
 * @returns {Promise<{ code: number, output: string }>}
 */
export function runQuietly(command, env, limit) {
  return new Promise((resolve, reject) => {
    const [program = '', ...args] = command;
    const child = spawn(program, args, {
      cwd: ROOT,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const keep = (text) => (output = (output + text).slice(-200_000));
    child.stdout.setEncoding('utf8').on('data', keep);
    child.stderr.setEncoding('utf8').on('data', keep);
    const timer = setTimeout(() => child.kill('SIGKILL'), limit);
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code: code ?? 1, output });
    });
  });
}

/** Rows as a Markdown table. */
export function tableOf(head, rows) {
  const widths = head.map((title, index) =>
    Math.max(title.length, ...rows.map((row) => String(row[index]).length)),
  );
  const line = (cells) => `| ${cells.map((cell, index) => String(cell).padEnd(widths[index])).join(' | ')} |`;
  return [line(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...rows.map(line)].join(
    '\n',
  );
}

/** Words that begin with `--` apart from the others. */
export function splitArguments(argv) {
  return {
    words: argv.filter((word) => !word.startsWith('--')),
    flags: new Map(
      argv
        .filter((word) => word.startsWith('--'))
        .map((word) => {
          const [name = '', value = 'true'] = word.slice(2).split('=');
          return [name, value];
        }),
    ),
  };
}
