// Fetches servers that are newer than those of this machine's Debian, for tests against them:
//   node scripts/fetch-servers.mjs             every server below
//   node scripts/fetch-servers.mjs redis-8.0 valkey-9.1
//   node scripts/fetch-servers.mjs --list      the names, and the paths of those that were fetched already
// The last lines are `name path`. A path is a small executable that starts the server with its own loader and
// libraries: RESPOOL_SERVER=<path> npm test. Packages of newer Debian suites are unpacked into a cache folder
// ($XDG_CACHE_HOME, else ~/.cache): the system stays unchanged, no service is started, no root is needed.
import { readdirSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { aptOptions, isExecutable, mirror, osRelease, run } from './ensure-servers.mjs';
import { isMain } from './lib.mjs';

/** By name: the package, its Debian suites, and the version that the name promises. */
const SERVERS = {
  'redis-8.0': { binary: 'redis-server', suites: ['trixie'], version: /^8\.0\./ },
  'redis-8.6': { binary: 'redis-server', suites: ['sid', 'experimental'], version: /^8\.([2-9]|\d\d)\./ },
  'valkey-8.1': { binary: 'valkey-server', suites: ['trixie'], version: /^8\.1\./ },
  'valkey-9.1': { binary: 'valkey-server', suites: ['sid'], version: /^9\./ },
  'redict-7.3': { binary: 'redict-server', suites: ['sid'], version: /^7\.3\./ },
};

export const SERVER_NAMES = Object.keys(SERVERS);
const CACHE = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'respool-servers');

/** A shell script that starts the server with the loader and the libraries unpacked beside it. */
function launcher(binary) {
  return [
    '#!/bin/sh',
    'root=$(dirname "$(readlink -f "$0")")',
    'for loader in "$root"/usr/lib/*-linux-gnu*/ld-linux*.so.*; do',
    `  exec "$loader" --argv0 ${binary} --library-path "\${loader%/*}" "$root/usr/bin/${binary}" "$@"`,
    'done',
    '',
  ].join('\n');
}

/** The server's packages and all libraries that they need; packages of services, shells and users are left out. */
async function packagesFor(binary, apt, suite) {
  const { stdout } = await run('apt-get', [
    ...apt,
    '-t',
    suite,
    '-s',
    '--no-install-recommends',
    'install',
    binary,
  ]);
  const family = binary.split('-')[0];
  return [...stdout.matchAll(/^Inst (\S+) (?:\[\S+\] )?\((\S+)/gm)]
    .filter(([, name]) => name.startsWith('lib') || name.startsWith('zlib') || name.startsWith(family))
    .map(([, name, version]) => `${name}=${version}`);
}

/** Options for an apt that assumes an empty system, so that it lists every library. */
async function foreignApt(suites) {
  const source = mirror(osRelease().VERSION_CODENAME);
  if (source === null) throw new Error('this machine has no apt source of Debian to fetch from');
  const folder = join(CACHE, `apt-${suites.join('-')}`);
  await mkdir(folder, { recursive: true });
  const status = join(folder, 'status');
  await writeFile(status, '');
  const apt = await aptOptions(folder, source, suites);
  await run('apt-get', [...apt, '-o', `Dir::State::status=${status}`, 'update'], { maxBuffer: 1 << 26 });
  return [...apt, '-o', `Dir::State::status=${status}`];
}

export async function versionOf(path) {
  const { stdout } = await run(path, ['--version']);
  return /\bv=(\d+\.\d+\.\d+)/.exec(stdout)?.[1] ?? '';
}

/** The launcher of a server that was fetched before; null if there is none. */
export async function fetchedServer(name) {
  const { binary, version } = SERVERS[name];
  const path = join(CACHE, name, binary);
  if (!isExecutable(path)) return null;
  try {
    return version.test(await versionOf(path)) ? path : null;
  } catch {
    return null;
  }
}

/** The launcher of a server; fetches the server if needed. */
export async function fetchServer(name, log = console.error) {
  const held = await fetchedServer(name);
  if (held !== null) return held;
  const { binary, suites, version } = SERVERS[name];
  log(`${name}: reading the package lists of ${suites.join(', ')}`);
  const apt = await foreignApt(suites);
  const packages = await packagesFor(binary, apt, suites.at(-1));
  log(`${name}: fetching ${packages.length} packages`);
  const work = await mkdtemp(join(CACHE, 'unpack-'));
  try {
    await run('apt-get', [...apt, 'download', ...packages], { cwd: work, maxBuffer: 1 << 26 });
    const root = join(work, 'root');
    await mkdir(root);
    for (const file of readdirSync(work).filter((entry) => entry.endsWith('.deb'))) {
      await run('dpkg', ['-x', join(work, file), root]);
    }
    for (const part of ['usr/share', 'etc', 'var'])
      await rm(join(root, part), { recursive: true, force: true });
    await writeFile(join(root, binary), launcher(binary));
    await chmod(join(root, binary), 0o755);
    const found = await versionOf(join(root, binary));
    if (!version.test(found)) throw new Error(`${suites.at(-1)} has ${binary} ${found}`);
    await rm(join(CACHE, name), { recursive: true, force: true });
    await rename(root, join(CACHE, name));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return join(CACHE, name, binary);
}

if (isMain(import.meta.url)) {
  const flags = process.argv.slice(2).filter((argument) => argument.startsWith('--'));
  const asked = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
  const unknown = asked.filter((name) => !SERVER_NAMES.includes(name));
  if (unknown.length > 0) {
    console.error(`No such server: ${unknown.join(', ')}. Servers: ${SERVER_NAMES.join(', ')}`);
    process.exit(2);
  }
  for (const name of asked.length > 0 ? asked : SERVER_NAMES) {
    const find = flags.includes('--list') ? fetchedServer : fetchServer;
    const path = await find(name).catch((error) => {
      console.error(`${name}: ${String(error.stderr || error.message).trim()}`);
      process.exitCode = 1;
      return null;
    });
    console.log(`${name} ${path ?? '-'}`);
  }
}
