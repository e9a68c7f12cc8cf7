// Checks that the library version which connections report to servers is the version in package.json.
import { isMain, read } from './lib.mjs';

function checkVersion() {
  const { version } = JSON.parse(read('package.json'));
  const told = /LIBRARY_VERSION = '([^']*)'/.exec(read('src/connection/opening/handshake.ts'))?.[1];
  return told === version ? [] : [`LIBRARY_VERSION is ${told}, the package's version ${version}`];
}

if (isMain(import.meta.url)) {
  const problems = checkVersion();
  for (const problem of problems) console.error(problem);
  console.log(`${problems.length} problems`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
