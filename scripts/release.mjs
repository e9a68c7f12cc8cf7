// npm run release [-- --publish]: checks and tests, shows the notes of the version, and ends with a publication that is
// a rehearsal unless --publish is given.
import { isMain, NPM, read, ROOT, run } from './lib.mjs';
import { join } from 'node:path';

/** The part of CHANGELOG.md on a version: from its heading to the next one. */
export function notesOf(version, changelog = read('CHANGELOG.md')) {
  const sections = changelog.split(/^## /m).slice(1);
  const section = sections.find((text) => text.split(/[\s(]/, 1)[0] === version);
  return section === undefined ? null : section.slice(section.indexOf('\n')).trim();
}

/** What keeps a version from being published. */
async function problemsOf(version, publishes) {
  const problems = [];
  if (notesOf(version) === null) problems.push(`CHANGELOG.md has no section on ${version}`);
  if (!publishes) return problems;
  const { output } = await run(['git', 'status', '--porcelain'], { quiet: true });
  if (output !== '') problems.push('the tree is not clean');
  if (/^## \S+ \(unreleased\)/m.test(read('CHANGELOG.md')))
    problems.push('CHANGELOG.md calls the version unreleased');
  return problems;
}

async function release(publishes) {
  const { version } = JSON.parse(read('package.json'));
  const problems = await problemsOf(version, publishes);
  if (problems.length > 0) {
    for (const problem of problems) console.error(problem);
    return 1;
  }
  for (const script of ['check.mjs', 'test-types.mjs', 'test.mjs']) {
    const { code } = await run([process.execPath, join(ROOT, 'scripts', script)]);
    if (code !== 0) return code;
  }
  console.log(`\nNotes of ${version}:\n\n${notesOf(version)}\n`);
  // A rehearsal cannot sign: npm makes the provenance only where a continuous integration vouches for the build.
  const publish = [NPM, 'publish', '--provenance', '--access', 'public'];
  const { code } = await run(publishes ? publish : [...publish, '--dry-run']);
  console.log(publishes ? '' : 'Nothing was published: this was a rehearsal (--publish publishes).');
  return code;
}

if (isMain(import.meta.url)) process.exitCode = await release(process.argv.includes('--publish'));
