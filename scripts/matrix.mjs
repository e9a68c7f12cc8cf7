// Shared by the matrix commands: runs test files one by one, and prints the table of the results.
import { spawn } from 'node:child_process';
import { compile } from './compile.mjs';
import { files, read, ROOT } from './lib.mjs';

/** Milliseconds. A file that takes longer is considered hung. */
const FILE_LIMIT = 240_000;
const TOGETHER = 2;
/** Node's options for one file. Its own time limit is shorter, so that Node can end the file's processes. */
export const NODE_TEST = ['--test', '--test-reporter=spec', `--test-timeout=${FILE_LIMIT - 20_000}`];
/** A failed test in the output of Node, Bun and Deno. */
const FAILED_TEST = /^\s*(?:✖|\(fail\)|(?=\S.*=> \.\/))\s*(?!failing tests)(\S.*)$/gm;

/** The list of all files that a runtime or a server is known to fail, with the reasons. */
export const DEVIATIONS = 'tools/deviations.json';

/** @returns {Record<string, string>} the reasons by test file */
export function deviationsOf(name) {
  return JSON.parse(read(DEVIATIONS))[name] ?? {};
}

/** Compiles, and returns the test files whose path contains one of `parts`; a compiler error ends the process. */
export async function compiledTests(parts) {
  const { code, output } = await compile();
  if (code !== 0) {
    console.error(output);
    process.exit(1);
  }
  const asked = (path) => path.endsWith('.test.ts') && parts.some((part) => path.includes(part));
  return files('test', asked).map((path) => `.build/${path.replace(/\.ts$/, '.js')}`);
}

const sourceOf = (file) => file.replace(/^\.build\//, '').replace(/\.js$/, '.ts');

/**
 * Runs test files, two at a time. A failed file runs again, alone, when the others have ended; only a second failure
 * counts. Files that are known to fail run once and are counted apart. If one of them passes, it is named, so that the
 * list stays true.
 * @param {string} name of the runtime or the server
 * @param {readonly string[]} chosen compiled test files
 * @param {{ command: (file: string) => readonly string[], env: Record<string, string>, note?: RegExp }} how `note` finds
 *   lines of the output that are printed
 * @returns {Promise<{ passed: number, known: number, again: string[], failed: string[] }>}
 */
export async function runFiles(name, chosen, { command, env, note }) {
  const reasons = deviationsOf(name);
  const result = { passed: 0, known: 0, again: [], failed: [] };
  const suspects = [];
  const run = async (file) => {
    const { code, output } = await runQuietly(command(file), env, FILE_LIMIT);
    const notes = note === undefined ? [] : [...output.matchAll(note)].map(([, line]) => line);
    for (const line of new Set(notes)) console.log(`  ${name}: ${line}`);
    return { passed: code === 0, output };
  };
  const queue = [...chosen];
  const lane = async () => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      const { passed, output } = await run(file);
      const known = reasons[sourceOf(file)] !== undefined;
      if (known) result.known += 1;
      else if (passed) result.passed += 1;
      else {
        suspects.push(file);
        const tests = [...new Set([...output.matchAll(FAILED_TEST)].map(([, title]) => title))].slice(0, 5);
        console.log(
          `  ${name}: ${sourceOf(file)} failed beside others: ${tests.join('; ') || 'no test is named'}`,
        );
      }
      if (passed && known)
        console.log(`  ${name}: ${sourceOf(file)} passed this time, though it is on the list`);
    }
  };
  await Promise.all(Array.from({ length: TOGETHER }, lane));
  for (const file of suspects) {
    const { passed, output } = await run(file);
    (passed ? result.again : result.failed).push(sourceOf(file));
    if (passed) result.passed += 1;
    else
      console.log(
        `  ${name}: ${sourceOf(file)} FAILED twice\n${output.slice(-4_000).replace(/^/gm, '    ')}`,
      );
  }
  if (result.again.length > 0)
    console.log(`  ${name}: UNSTEADY (failed beside others, passed alone): ${result.again.join(', ')}`);
  return result;
}

/** The table of several results, for printing. */
export function resultTable(title, results) {
  const rows = results.map(({ name, version, passed, known, again, failed, seconds }) => [
    `${name} (${version})`,
    passed,
    again.length,
    known,
    failed.length,
    `${seconds} s`,
  ]);
  const head = [title, 'files passed', 'of these alone', 'known to fail', 'failed', 'time'];
  return tableOf(head, rows);
}

/**
 * Runs a command; resolves with its exit code and the end of its output.
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

/** Separates the arguments that begin with `--` from the others. */
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
