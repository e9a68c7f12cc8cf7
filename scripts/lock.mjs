// node scripts/lock.mjs [folder …]: writes the lock files anew, for every platform and without the address of a
// registry, so that `npm ci` uses the registry that is configured on the machine.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NPM, ROOT, run } from './lib.mjs';

const SYSTEMS =
  /(?:^|[-/])(aix|android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32|windows)(?:-|$)/;
const PROCESSORS = /-(arm64|arm|ia32|loong64|mips64el|ppc64|riscv64|s390x|x64)(?:-|$)/;

/**
 * Adds entries for optional binaries of other platforms. If the registry lacks them, npm leaves them out and then
 * refuses its own lock file. The entries hold the version only; npm fetches only the binary that fits the machine.
 */
function addAbsentPlatforms(packages) {
  for (const entry of Object.values(packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      const path = `node_modules/${name}`;
      const system = SYSTEMS.exec(name)?.[1];
      const processor = PROCESSORS.exec(name)?.[1];
      if (path in packages || system === undefined) continue;
      const libc = name.includes('musl') ? { libc: ['musl'] } : {};
      packages[path] = {
        version: version.replace(/^[\^~]/, ''),
        ...(processor === undefined ? {} : { cpu: [processor] }),
        ...(entry.dev ? { dev: true } : {}),
        ...libc,
        optional: true,
        os: [system === 'windows' ? 'win32' : system],
      };
    }
  }
  return Object.fromEntries(Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : 1)));
}

const folders = process.argv.slice(2).length > 0 ? process.argv.slice(2) : ['.', 'bench', 'tools/runtimes'];
for (const folder of folders) {
  const file = join(ROOT, folder, 'package-lock.json');
  rmSync(file, { force: true });
  const install = [
    NPM,
    'install',
    '--package-lock-only',
    '--omit-lockfile-registry-resolved=false',
    '--force',
  ];
  const { code } = await run([...install, '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: join(ROOT, folder),
  });
  if (code !== 0) process.exit(code);
  const lock = JSON.parse(readFileSync(file, 'utf8'));
  for (const entry of Object.values(lock.packages)) delete entry.resolved;
  lock.packages = addAbsentPlatforms(lock.packages);
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`${file}: ${Object.keys(lock.packages).length - 1} packages`);
}
