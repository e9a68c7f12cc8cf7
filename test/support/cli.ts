import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Starting {
  readonly env?: Record<string, string>;
  readonly input?: string;
  /** Called with all of standard output so far; what it returns true for is interrupted, as by Ctrl-C. */
  readonly until?: (stdout: string) => boolean;
}

/** Runs the command-line tool to its end. */
export function runCli(
  args: readonly string[],
  { env = {}, input = '', until }: Starting = {},
): Promise<Ended> {
  const { NODE_OPTIONS: _without, NODE_TEST_CONTEXT: _neither, ...inherited } = process.env;
  const child = spawn(process.execPath, [MAIN, ...args], { env: { ...inherited, ...env }, stdio: 'pipe' });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    if (until?.(stdout) === true) child.kill('SIGINT');
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (code) => resolve({ code, stdout, stderr }));
  });
}
