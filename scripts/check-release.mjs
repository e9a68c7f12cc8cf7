// Rehearses a release in a throwaway clone, without network: the conditions that prevent it, the publication as a dry
// run, and the tag. check-consumers.mjs installs and uses the packed files.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isMain, ROOT, run } from './lib.mjs';
import { problemsOf, publish, tagRelease } from './release.mjs';

/** An identity for Git, which some machines have not configured. */
const IDENTITY = { NAME: 'release', EMAIL: 'release@localhost' };
const NEEDED = ['package.json', 'README.md', 'LICENSE', 'dist/index.js', 'dist/index.cjs', 'dist/index.d.ts'];

function expect(holds, text) {
  if (!holds) throw new Error(text);
  console.log(`${text}: ok`);
}

async function rehearse(folder) {
  const git = async (...args) => {
    const result = await run(['git', '-c', 'commit.gpgsign=false', ...args], { cwd: folder, quiet: true });
    if (result.code !== 0) throw new Error(`git ${args[0]}: ${result.output}`);
    return result.output;
  };
  await git('clone', '--quiet', '--no-tags', ROOT, '.');
  // The working tree's files, committed or not; Git ignores `dist` there as here.
  for (const path of ['package.json', 'README.md', 'CHANGELOG.md', 'dist'])
    cpSync(join(ROOT, path), join(folder, path), { recursive: true });
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const changelog = join(folder, 'CHANGELOG.md');
  const heading = new RegExp(`^## ${version.replaceAll('.', '\\.')}.*$`, 'm');
  const text = readFileSync(changelog, 'utf8');
  const about = async () => (await problemsOf(folder, true)).join('; ');

  writeFileSync(changelog, text.replace(heading, '## 999.0.0'));
  expect((await about()).includes('no notes'), 'a version without notes is kept back');
  writeFileSync(changelog, text.replace(heading, `## ${version} (unreleased)`));
  expect((await about()).includes('no date'), 'an unreleased version is kept back');
  writeFileSync(changelog, text.replace(heading, `## ${version} (2030-01-31)`));
  expect((await about()) === 'the tree is not clean: commit first', 'uncommitted work is kept back');
  await git('commit', '--quiet', '--all', '--message', `release ${version}`);
  expect((await about()) === '', 'a dated version in a clean tree may go');

  const dry = await publish(folder, {
    rehearses: true,
    quiet: true,
    options: ['--ignore-scripts', '--json'],
  });
  expect(dry.code === 0, `npm publish --provenance --dry-run${dry.code === 0 ? '' : `\n${dry.output}`}`);

  expect(
    NEEDED.every((path) => dry.output.includes(`"${path}"`)),
    'the published files',
  );

  const tagged = await tagRelease(folder);
  expect(tagged.code === 0, `the tag v${version}${tagged.code === 0 ? '' : `\n${tagged.output}`}`);
  const notes = await git('tag', '--list', '--format=%(contents)', `v${version}`);
  expect(notes.includes(`respool ${version}`) && notes.includes('\n- '), 'its notes');
  expect((await about()).includes('exists'), 'a version that has a tag is kept back');
}

if (isMain(import.meta.url)) {
  for (const [key, value] of Object.entries(IDENTITY))
    process.env[`GIT_AUTHOR_${key}`] = process.env[`GIT_COMMITTER_${key}`] = value;
  const folder = mkdtempSync(join(tmpdir(), 'respool-release-'));
  try {
    await rehearse(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
