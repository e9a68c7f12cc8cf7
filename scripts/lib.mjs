import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
export const NPM = process.platform === 'win32' ? 'npm.cmd' : 'npm';

/** The command that runs a tool's entry file with Node: a shell or a `.bin` shim could hide its exit code. */
export function bin(name, file) {
  return [process.execPath, join(ROOT, 'node_modules', name, file)];
}
export const TSC = bin('typescript', 'bin/tsc');

/**
 * Runs a command until it ends; the result holds its exit code and, with `quiet`, its output.
 * @param {string[]} command
 * @param {{ cwd?: string, env?: Record<string, string | undefined>, quiet?: boolean, input?: 'inherit' }} [options]
 * @returns {Promise<{ code: number, output: string }>}
 */
export function run(command, { cwd = ROOT, env = {}, quiet = false, input } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command[0], command.slice(1), {
      cwd,
      env: { ...process.env, ...env },
      stdio: [input ?? 'ignore', quiet ? 'pipe' : 'inherit', quiet ? 'pipe' : 'inherit'],
    });
    let output = '';
    child.stdout?.setEncoding('utf8').on('data', (text) => (output += text));
    child.stderr?.setEncoding('utf8').on('data', (text) => (output += text));
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code: code ?? (signal === 'SIGINT' ? 130 : 1), output }));
  });
}

/** The files below a folder of the project, as paths from its root with forward slashes. */
export function files(folder, accepts = (/** @type {string} */ _path) => true) {
  const top = join(ROOT, folder);
  if (!existsSync(top)) return [];
  return readdirSync(top, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((path) => !path.includes('node_modules/') && accepts(path))
    .sort();
}

export function read(path) {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** Source text with blanks for comments, so that line numbers stay; strings are unchanged. */
export function withoutComments(text) {
  return text.replace(
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g,
    (part) => (part.startsWith('/*') || part.startsWith('//') ? part.replace(/[^\n]/g, ' ') : part),
  );
}

export const isMain = (url) => process.argv[1] !== undefined && fileURLToPath(url) === process.argv[1];
