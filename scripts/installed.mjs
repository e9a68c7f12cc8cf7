import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** True if the packages installed in a folder are those of its lock file. */
export function installedIn(folder) {
  const stateFile = join(folder, 'node_modules', '.package-lock.json');
  if (!existsSync(stateFile)) return false;
  const wanted = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8')).packages;
  const present = JSON.parse(readFileSync(stateFile, 'utf8')).packages;
  return Object.entries(wanted).every(
    ([path, entry]) =>
      path === '' || entry.optional || entry.peer || present[path]?.version === entry.version,
  );
}
