import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BENCH, BUN } from './runner.mjs';

function versionOf(client) {
  if (client.id === 'bun') return execFileSync(BUN, ['--version'], { encoding: 'utf8' }).trim();
  const file = join(BENCH, 'node_modules', client.package, 'package.json');
  return JSON.parse(readFileSync(file, 'utf8')).version;
}

/** The installed versions of the other clients: `ioredis 6.0.0, Bun 1.4.5`. */
export function versionsOf(clients) {
  const others = clients.filter(({ own }) => own !== true);
  return others.map((client) => `${client.title} ${versionOf(client)}`).join(', ');
}
