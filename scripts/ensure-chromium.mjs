// node scripts/ensure-chromium.mjs: finds a Chromium or Chrome for the test of the live page, in the variable CHROMIUM
// or in PATH. If there is none, it installs the package, as root on Debian.
import { execFile } from 'node:child_process';
import { delimiter, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { isExecutable, osRelease } from './ensure-servers.mjs';

const run = promisify(execFile);
const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];
const ELSEWHERE = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];
const INSTALL_TIMEOUT = 180_000;

function found() {
  const { CHROMIUM, PATH = '' } = process.env;
  if (CHROMIUM) return CHROMIUM;
  const folders = PATH.split(delimiter).filter((folder) => folder !== '');
  const candidates = folders.flatMap((folder) => NAMES.map((name) => join(folder, name)));
  return [...candidates, ...ELSEWHERE].find(isExecutable) ?? null;
}

/** The path of the browser; null if there is none and none can be installed. */
export async function ensureChromium(log = console.log) {
  const path = found();
  if (path !== null || osRelease().ID !== 'debian' || process.getuid?.() !== 0) return path;
  log('Installing chromium (apt-get), for the test of the live page …');
  const options = { timeout: INSTALL_TIMEOUT, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  try {
    await run('apt-get', ['update'], options);
    await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'chromium'], options);
  } catch (error) {
    log(`apt: ${String(error.stderr ?? error.message).trim()}`);
  }
  return found();
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const path = await ensureChromium();
  console.log(path ?? 'no Chromium was found');
  process.exitCode = path === null ? 1 : 0;
}
