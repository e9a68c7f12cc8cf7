import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encode, RawClient } from './raw.mjs';

/** Where the system allows it, clients run on the first core and the server on the second. */
export const PINNED =
  process.platform === 'linux' && availableParallelism() > 1 && existsSync('/usr/bin/taskset');
export const onCore = (core, command) =>
  PINNED ? ['/usr/bin/taskset', '-c', String(core), ...command] : command;

/** True if the server's core can be kept awake. */
export const WAKEABLE = PINNED && existsSync('/usr/bin/chrt');

/**
 * Keeps the server's core from halting until `stop()`, with a process of the lowest priority that gives way to the
 * server at once. On a virtual machine, waking a halted core costs the writing process more than everything else that a
 * client does, and the cost varies with the host.
 */
export function keepAwake() {
  if (!WAKEABLE) return { stop() {} };
  const script = fileURLToPath(new URL('awake.mjs', import.meta.url));
  const [command, ...args] = onCore(1, ['/usr/bin/chrt', '-i', '0', process.execPath, script]);
  const child = spawn(command, args, { stdio: ['pipe', 'ignore', 'inherit'] });
  return { stop: () => child.stdin.end() };
}

export function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

async function ready(port) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await RawClient.open('127.0.0.1', port);
    } catch (error) {
      if (attempt === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** `core`: the core of the server, if cores can be chosen; null: any core. */
export async function startServer(
  binary = process.env.RESPOOL_SERVER ?? 'redis-server',
  more = [],
  core = 1,
) {
  try {
    execFileSync(binary, ['--version'], { stdio: 'ignore' });
  } catch {
    throw new Error(
      `${binary} is not installed: apt-get install redis-server, or name another in RESPOOL_SERVER`,
    );
  }
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'respool-bench-'));
  const settings = [
    '--port',
    port,
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
    '--dir',
    folder,
    ...more,
  ];
  const line = [binary, ...settings.map(String)];
  const [command, ...args] = core === null ? line : onCore(core, line);
  const child = spawn(command, args, { stdio: 'ignore' });
  const stop = () => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  process.on('exit', stop);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(130));
  return {
    host: '127.0.0.1',
    port,
    pid: child.pid,
    admin: await ready(port),
    version: versionOf(binary),
    stop,
  };
}

/** User and system time of a process in microseconds; the kernel counts in hundredths of a second. */
export function cpuOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

function versionOf(binary) {
  const text = execFileSync(binary, ['--version'], { encoding: 'utf8' });
  return `${/valkey/i.test(text) ? 'Valkey' : 'Redis'} ${/v=([\d.]+)/.exec(text)?.[1] ?? ''}`;
}

const UTF8 = 'Žluťoučký kůň — 日本語 — ';

export function utf8Text(bytes) {
  let text = '';
  while (Buffer.byteLength(text) < bytes) text += UTF8;
  return text;
}

/** Writes the keys that the rows read. */
export async function fill({ admin }) {
  const bytes = (size) => Buffer.alloc(size, 'abcdefghijklmnopqrstuvwxyz0123456789');
  await admin.command('SET', 'k16', bytes(16));
  await admin.command('SET', 'k200', bytes(200));
  await admin.command('SET', 'k1024', bytes(1024));
  await admin.command('SET', 'utf1024', utf8Text(1024));
  await admin.command('SET', 'k64k', bytes(65_536));
  await admin.command('SET', 'k4m', bytes(4 << 20));
  const many = [];
  for (let index = 0; index < 50; index += 1) many.push(encode(['SET', `m:${index}`, bytes(16)]));
  for (let index = 0; index < 1000; index += 1) many.push(encode(['RPUSH', 'list1000', `item:${index}`]));
  for (let index = 0; index < 100; index += 1)
    many.push(encode(['HSET', 'hash100', `field:${index}`, `value:${index}`]));
  for (let index = 0; index < 100; index += 1)
    many.push(encode(['XADD', 'stream100', `${index + 1}-0`, 'field', `value:${index}`]));
  for (let index = 0; index < 500; index += 1)
    many.push(encode(['ZADD', 'zset500', index * 1.25 + 0.1, `member:${index}`]));
  for (let index = 0; index < 10_000; index += 1) many.push(encode(['SET', `scan:${index}`, index]));
  await admin.pipeline(Buffer.concat(many), many.length);
}
