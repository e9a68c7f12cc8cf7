// Provides a Redis (7.0 or newer) and a Valkey (8 or newer) for the tests:
//   node scripts/ensure-servers.mjs      exit code 0; else 1: no Redis, 2: no Valkey, 3: neither
// Servers in PATH are used. If one is missing, Debian's packages are unpacked into .servers/, with an apt configuration
// that is kept there: the system stays unchanged, no service keeps running, no root is needed.
import { execFile } from 'node:child_process';
import { accessSync, constants, readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { delimiter, dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const run = promisify(execFile);
const REPOSITORY = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const KINDS = {
  redis: { binary: 'redis-server', oldest: [7, 0], needs: 'redis-server 7.0 or newer', missing: 1 },
  valkey: { binary: 'valkey-server', oldest: [8, 0], needs: 'valkey-server 8.0 or newer', missing: 2 },
};

export function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The version of a binary; null if it is too old. */
async function usableVersion(kind, path) {
  const { oldest } = KINDS[kind];
  try {
    const { stdout } = await run(path, ['--version']);
    const version = /\bv=(\d+)\.(\d+)\.(\d+)/.exec(stdout);
    if (version === null || /^valkey/i.test(stdout) !== (kind === 'valkey')) return null;
    const [major, minor] = [Number(version[1]), Number(version[2])];
    const enough = major > oldest[0] || (major === oldest[0] && minor >= oldest[1]);
    return enough ? version[0].slice(2) : null;
  } catch {
    return null;
  }
}

async function readRecord(file) {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch {
    return {};
  }
}

async function find(kind, folder, record) {
  const candidates = [];
  for (const entry of [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/bin']) {
    if (entry !== '') candidates.push(join(entry, KINDS[kind].binary));
  }
  if (typeof record[kind] === 'string') {
    candidates.push(isAbsolute(record[kind]) ? record[kind] : join(dirname(folder), record[kind]));
  }
  for (const path of candidates) {
    if (!isExecutable(path)) continue;
    const version = await usableVersion(kind, path);
    if (version !== null) return { path, version };
  }
  return null;
}

// ---- Debian: an apt configuration of our own ----

export function osRelease() {
  try {
    const text = readFileSync('/etc/os-release', 'utf8');
    return Object.fromEntries(
      [...text.matchAll(/^(\w+)="?([^"\n]*)"?$/gm)].map((match) => [match[1], match[2]]),
    );
  } catch {
    return {};
  }
}

/** Entries in the one-line format: `deb [signed-by=…] URI suite component…`. */
function listEntries(text) {
  return [...text.matchAll(/^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s/gm)].map(
    ([, options = '', uri, suite]) => ({
      uri,
      suites: [suite],
      signedBy: /signed-by=(\S+)/.exec(options)?.[1] ?? null,
    }),
  );
}

/** Entries in the deb822 format. */
function stanzaEntries(text) {
  const field = (stanza, name) => new RegExp(`^${name}:[ \\t]*(.+)$`, 'im').exec(stanza)?.[1].trim();
  return text
    .split(/\n\s*\n/)
    .filter((stanza) => /\bdeb\b/.test(field(stanza, 'Types') ?? ''))
    .map((stanza) => ({
      uri: field(stanza, 'URIs')?.split(/\s+/)[0],
      suites: field(stanza, 'Suites')?.split(/\s+/) ?? [],
      signedBy: field(stanza, 'Signed-By') ?? null,
    }));
}

/** The apt source for a Debian suite on this machine; null if there is none. */
export function mirror(codename) {
  const parts = '/etc/apt/sources.list.d';
  let files = ['/etc/apt/sources.list'];
  try {
    files = [...files, ...readdirSync(parts).map((name) => join(parts, name))];
  } catch {
    // The folder does not exist: only the file is read.
  }
  for (const file of files) {
    let text;
    try {
      text = readFileSync(file, 'utf8');
    } catch {
      continue;
    }
    const entries = file.endsWith('.sources') ? stanzaEntries(text) : listEntries(text);
    const entry = entries.find(({ uri, suites }) => uri !== undefined && suites.includes(codename));
    if (entry !== undefined) return entry;
  }
  return null;
}

/** Options for apt that keep its sources, lists and cache in `folder`. */
export async function aptOptions(folder, { uri, signedBy }, suites) {
  await mkdir(join(folder, 'lists/partial'), { recursive: true });
  await mkdir(join(folder, 'cache/archives/partial'), { recursive: true });
  const option = signedBy === null ? '' : `[signed-by=${signedBy}] `;
  const lines = suites.map((suite) => `deb ${option}${uri} ${suite} main\n`);
  await writeFile(join(folder, 'sources.list'), lines.join(''));
  const options = {
    'Dir::Etc::SourceList': join(folder, 'sources.list'),
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::State::Lists': join(folder, 'lists'),
    'Dir::Cache': join(folder, 'cache'),
    'Debug::NoLocking': 'true',
    'APT::Sandbox::User': '',
  };
  return Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}

function privateApt(folder, codename) {
  const source = mirror(codename);
  if (source === null) throw new Error(`no apt source for ${codename} on this machine`);
  return aptOptions(join(folder, 'apt'), source, [codename, `${codename}-backports`]);
}

/** The packages that installing a server would add to this machine: the server, its tools, libraries. */
async function packagesFor(binary, apt, codename) {
  const attempts = [[], ['-t', `${codename}-backports`]];
  let failure;
  for (const target of attempts) {
    try {
      const { stdout } = await run('apt-get', [
        ...apt,
        ...target,
        '-s',
        '--no-install-recommends',
        'install',
        binary,
      ]);
      const packages = [...stdout.matchAll(/^Inst (\S+) (?:\[\S+\] )?\((\S+)/gm)].map(
        ([, name, version]) => `${name}=${version}`,
      );
      if (packages.some((name) => name.startsWith(`${binary}=`))) return packages;
    } catch (error) {
      failure = error;
    }
  }
  throw new Error(`apt knows no ${binary}: ${failure?.stderr ?? ''}`);
}

/** A shell script that starts the binary with the libraries unpacked beside it. */
function wrapper(binary) {
  return [
    '#!/bin/sh',
    'root=$(dirname "$(readlink -f "$0")")',
    'for folder in "$root"/usr/lib/*-linux-gnu* "$root"/lib/*-linux-gnu*; do',
    '  [ -d "$folder" ] && LD_LIBRARY_PATH="$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"',
    'done',
    'export LD_LIBRARY_PATH',
    `exec "$root/usr/bin/${binary}" "$@"`,
    '',
  ].join('\n');
}

async function unpack(kind, folder, apt, codename) {
  const { binary } = KINDS[kind];
  const packages = await packagesFor(binary, apt, codename);
  const target = join(folder, kind);
  await mkdir(folder, { recursive: true });
  const work = await mkdtemp(join(folder, 'unpack-'));
  try {
    await run('apt-get', [...apt, 'download', ...packages], { cwd: work });
    const root = join(work, 'root');
    await mkdir(root);
    for (const file of readdirSync(work).filter((name) => name.endsWith('.deb'))) {
      await run('dpkg', ['-x', join(work, file), root]);
    }
    await writeFile(join(root, binary), wrapper(binary));
    await chmod(join(root, binary), 0o755);
    await rm(target, { recursive: true, force: true });
    await rename(root, target);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  for (const path of [join(target, 'usr/bin', binary), join(target, binary)]) {
    const version = await usableVersion(kind, path);
    if (version !== null) return { path, version };
  }
  throw new Error(`${packages.join(', ')} did not yield ${KINDS[kind].needs}`);
}

async function install(kinds, folder, log) {
  const { ID: id, VERSION_CODENAME: codename } = osRelease();
  if (id !== 'debian' || codename === undefined) {
    log(
      `Only Debian packages can be fetched here; install ${kinds.map((kind) => KINDS[kind].needs).join(' and ')} ` +
        'with your package manager (apk add, dnf install, brew install …).',
    );
    return {};
  }
  const found = {};
  try {
    const apt = await privateApt(folder, codename);
    log(
      `Fetching ${kinds.map((kind) => KINDS[kind].binary).join(' and ')} for Debian ${codename} into ${folder} …`,
    );
    await run('apt-get', [...apt, 'update']);
    for (const kind of kinds) {
      found[kind] = await unpack(kind, folder, apt, codename).catch((error) => {
        log(`${KINDS[kind].binary}: ${error.message.trim()}`);
        return null;
      });
    }
  } catch (error) {
    log(`apt: ${String(error.stderr ?? error.message).trim()}`);
  }
  return found;
}

/**
 * Finds or fetches a Redis and a Valkey server. Returns their paths, `null` for one that is missing, and writes them to
 * `.servers/servers.json`.
 * @param {{ root?: string, log?: (line: string) => void }} [options]
 * @returns {Promise<Record<string, string | null>>}
 */
export async function ensureServers({ root = REPOSITORY, log = console.log } = {}) {
  const folder = join(root, '.servers');
  const recordFile = join(folder, 'servers.json');
  const record = await readRecord(recordFile);
  const kinds = Object.keys(KINDS);
  const found = Object.fromEntries(
    await Promise.all(kinds.map(async (kind) => [kind, await find(kind, folder, record)])),
  );
  const missing = kinds.filter((kind) => found[kind] === null);
  if (missing.length > 0) Object.assign(found, await install(missing, folder, log));
  for (const kind of kinds) {
    const server = found[kind] ?? null;
    log(
      server === null
        ? `${kind}: NONE, ${KINDS[kind].needs} is missing`
        : `${kind} ${server.version}: ${server.path}`,
    );
  }
  const paths = Object.fromEntries(kinds.map((kind) => [kind, found[kind]?.path ?? null]));
  const portable = (path) => (path?.startsWith(folder) ? relative(root, path) : path);
  const text = `${JSON.stringify({ redis: portable(paths.redis), valkey: portable(paths.valkey) }, null, 2)}\n`;
  if (text !== (await readFile(recordFile, 'utf8').catch(() => ''))) {
    await mkdir(folder, { recursive: true });
    await writeFile(`${recordFile}.${process.pid}`, text);
    await rename(`${recordFile}.${process.pid}`, recordFile);
  }
  return paths;
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const paths = await ensureServers();
  process.exitCode = Object.entries(KINDS).reduce(
    (code, [kind, { missing }]) => code | (paths[kind] === null ? missing : 0),
    0,
  );
}
