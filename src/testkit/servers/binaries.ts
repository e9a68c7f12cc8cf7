import { nameClass } from '../../base/classes.ts';
import { execFile } from 'node:child_process';
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { promisify } from 'node:util';

export interface ServerBinary {
  readonly path: string;
  readonly kind: 'redis' | 'valkey';
  /** As the binary reports it, such as `7.0.15`. */
  readonly version: string;
}

const run = promisify(execFile);
const known = new Map<string, Promise<ServerBinary>>();

const INSTALL = [
  'Install one of them:',
  '  Debian, Ubuntu: apt-get install redis-server',
  '  Debian 12 (Valkey): apt-get install -t bookworm-backports valkey-server',
  '  Fedora: dnf install valkey    Alpine: apk add valkey    macOS: brew install valkey (or redis)',
  "or name a binary: startServer({ binary: '/path/to/redis-server' }) or RESPOOL_SERVER=/path/to/valkey-server.",
].join('\n');

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** `.servers/servers.json` of the project or a parent folder: `{ "valkey": "/path" }`. */
function fromServersFile(name: string): string | null {
  const kind = name === 'redis-server' ? 'redis' : name === 'valkey-server' ? 'valkey' : null;
  if (kind === null) return null;
  for (let folder = process.cwd(); ; folder = dirname(folder)) {
    try {
      const listed = JSON.parse(readFileSync(join(folder, '.servers', 'servers.json'), 'utf8')) as Record<
        string,
        unknown
      >;
      const path = listed[kind];
      if (typeof path === 'string') {
        const absolute = isAbsolute(path) ? path : join(folder, path);
        if (isExecutable(absolute)) return absolute;
      }
    } catch {
      // no such file here: look one folder up
    }
    if (folder === dirname(folder)) return null;
  }
}

function locate(name: string): string | null {
  if (name.includes('/')) return isExecutable(name) ? name : null;
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/bin']) {
    if (folder !== '' && isExecutable(join(folder, name))) return join(folder, name);
  }
  return fromServersFile(name);
}

async function describe(path: string): Promise<ServerBinary> {
  const { stdout } = await run(path, ['--version']);
  const version = /\bv=(\d+\.\d+\.\d+)/.exec(stdout)?.[1];
  if (version === undefined)
    throw new Error(`respool/testkit: ${path} is neither Redis nor Valkey: ${stdout.trim()}`);
  return { path, version, kind: /^valkey/i.test(stdout) ? 'valkey' : 'redis' };
}

function describeOnce(path: string): Promise<ServerBinary> {
  let description = known.get(path);
  if (description === undefined) known.set(path, (description = describe(path)));
  return description;
}

/**
 * The server that `startServer` starts: `binary`, else `RESPOOL_SERVER`, else `redis-server`, else `valkey-server`.
 *
 * @throws Error when there is none; the message says how to install one.
 * @example const { kind, version } = await findServerBinary();
 */
export async function findServerBinary(binary?: string): Promise<ServerBinary> {
  const asked = binary || process.env['RESPOOL_SERVER'] || undefined;
  const names = asked === undefined ? ['redis-server', 'valkey-server'] : [asked];
  for (const name of names) {
    const path = locate(name);
    if (path !== null) return describeOnce(path);
  }
  throw new Error(`respool/testkit: found no server binary (${names.join(', ')}).\n${INSTALL}`);
}
nameClass(findServerBinary, 'findServerBinary');

/**
 * The servers installed on this machine, `redis-server` first; `RESPOOL_SERVER` is included if it is another one, and is
 * the only one with `RESPOOL_SERVER_ONLY=1`.
 *
 * @example for (const { path } of await serverBinaries()) await using server = await startServer({ binary: path });
 */
export async function serverBinaries(): Promise<ServerBinary[]> {
  const found = new Map<string, ServerBinary>();
  const { RESPOOL_SERVER: named = '', RESPOOL_SERVER_ONLY: only } = process.env;
  for (const name of only === '1' && named !== '' ? [named] : ['redis-server', 'valkey-server', named]) {
    const path = name === '' ? null : locate(name);
    if (path !== null) found.set(path, await describeOnce(path));
  }
  return [...found.values()];
}
nameClass(serverBinaries, 'serverBinaries');
