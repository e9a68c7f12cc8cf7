import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { BENCH, ROOT } from './runner.mjs';

function weigh(path, skip = (_name) => false) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.size;
  const inside = readdirSync(path).filter((name) => !skip(name));
  return inside.reduce((sum, name) => sum + weigh(join(path, name), skip), 0);
}

/** A package with all its dependencies. */
function closure(name, seen = new Set()) {
  const folder = join(BENCH, 'node_modules', name);
  if (seen.has(name) || !existsSync(folder)) return 0;
  seen.add(name);
  const { dependencies, optionalDependencies } = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  );
  const own = weigh(folder);
  return Object.keys({ ...dependencies, ...optionalDependencies }).reduce(
    (sum, next) => sum + closure(next, seen),
    own,
  );
}

export function installedSize(client) {
  if (client.package) return closure(client.package);
  if (client.own)
    return ['dist', 'docs', 'package.json', 'README.md', 'LICENSE', 'CHANGELOG.md'].reduce(
      (sum, name) => sum + weigh(join(ROOT, name), (inside) => inside === 'api'),
      0,
    );
  return weigh(join(ROOT, 'tools/runtimes/node_modules/bun'));
}
