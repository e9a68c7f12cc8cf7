// npm run release [-- --publish]: checks, tests, shows the notes of the version, and publishes; without --publish this
// is a dry run. A publication creates an annotated tag with the notes.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMain, NPM, ROOT, run } from './lib.mjs';

const versionIn = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version;
const changelogIn = (folder) => readFileSync(join(folder, 'CHANGELOG.md'), 'utf8');
const tagOf = (version) => `v${version}`;

/** The section of CHANGELOG.md on a version: the heading without the version, and the text; null if there is none. */
function sectionOf(version, changelog) {
  const sections = changelog.split(/^## /m).slice(1);
  const section = sections.find((text) => text.split(/[\s(]/, 1)[0] === version);
  if (section === undefined) return null;
  const [heading = ''] = section.split('\n', 1);
  return { heading: heading.slice(version.length).trim(), text: section.slice(heading.length).trim() };
}

/** The reasons why the version in a folder cannot be published; a dry run only needs the notes. */
export async function problemsOf(folder, publishes) {
  const version = versionIn(folder);
  const section = sectionOf(version, changelogIn(folder));
  if (section === null || section.text === '') return [`CHANGELOG.md has no notes on ${version}`];
  if (!publishes) return [];
  const problems = [];
  const dated = /^\(\d{4}-\d{2}-\d{2}\)$/.test(section.heading);
  if (!dated) problems.push(`CHANGELOG.md gives ${version} no date: write "## ${version} (YYYY-MM-DD)"`);
  const git = (...args) => run(['git', ...args], { cwd: folder, quiet: true });
  const status = await git('status', '--porcelain');
  if (status.output !== '') problems.push('the tree is not clean: commit first');
  const tag = await git('rev-parse', '--quiet', '--verify', `refs/tags/${tagOf(version)}`);
  if (tag.code === 0) problems.push(`the tag ${tagOf(version)} exists: raise the version`);
  return problems;
}

/** Packs and publishes a folder. A dry run cannot sign: only continuous integration can. */
export function publish(folder, { rehearses, quiet = false, options = [] }) {
  const command = [NPM, 'publish', '--provenance', '--access', 'public', ...options];
  return run(rehearses ? [...command, '--dry-run'] : command, { cwd: folder, quiet });
}

/** Creates an annotated tag with the notes; the publisher runs `git push --tags`. */
export function tagRelease(folder) {
  const version = versionIn(folder);
  const notes = `respool ${version}\n\n${sectionOf(version, changelogIn(folder)).text}\n`;
  // By default Git would drop the headings of the notes, which begin with `#`, as comments.
  const tag = ['git', 'tag', '--annotate', '--cleanup=whitespace', tagOf(version), '--message', notes];
  return run(tag, { cwd: folder, quiet: true });
}

async function release(publishes) {
  const problems = await problemsOf(ROOT, publishes);
  if (problems.length > 0) {
    for (const problem of problems) console.error(problem);
    return 1;
  }
  for (const script of ['check.mjs', 'test-types.mjs', 'test.mjs']) {
    const { code } = await run([process.execPath, join(ROOT, 'scripts', script)]);
    if (code !== 0) return code;
  }
  const version = versionIn(ROOT);
  console.log(`\nNotes of ${version}:\n\n${sectionOf(version, changelogIn(ROOT)).text}\n`);
  const published = await publish(ROOT, { rehearses: !publishes });
  if (!publishes) console.log('Nothing was published: this was a rehearsal (--publish publishes).');
  if (published.code !== 0 || !publishes) return published.code;
  const tagged = await tagRelease(ROOT);
  console.log(tagged.code === 0 ? `Tagged ${tagOf(version)}: git push --tags` : tagged.output);
  return tagged.code;
}

if (isMain(import.meta.url)) process.exitCode = await release(process.argv.includes('--publish'));
