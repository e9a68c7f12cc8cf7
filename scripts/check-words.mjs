// No tracked file refers to one particular machine: no absolute path of a person or a build, no package mirror.
import { execFileSync } from 'node:child_process';
import { isMain, read, ROOT } from './lib.mjs';

const folders = ['home', 'Users', 'root', 'work', 'workspace', 'mnt', 'opt/build'];
const FORBIDDEN = [
  { what: 'an absolute folder', pattern: new RegExp(`(?<![\\w.\\-/:)}*])/(?:${folders.join('|')})/[\\w.]`) },
  { what: 'a folder outside of the project', pattern: new RegExp(`\\.\\./${'shared'}/`) },
  {
    what: 'a registry address',
    pattern: new RegExp(`https?://(?:[\\w.-]*\\.)?${'registry'}\\.[\\w.-]+|"${'resolved'}":`),
  },
];
const TEXT = /\.(?:[cm]?[jt]s|json|md|txt|ya?ml|svg|sh|conf)$|(?:^|\/)(?:LICENSE|run|\.npmrc|\.gitignore)$/;

export function checkWords() {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  const problems = [];
  for (const path of new Set(listed.split('\0').filter((name) => TEXT.test(name)))) {
    let text;
    try {
      text = read(path);
    } catch {
      continue; // listed but deleted
    }
    for (const [index, line] of text.split('\n').entries()) {
      for (const { what, pattern } of FORBIDDEN) {
        if (pattern.test(line)) problems.push(`${path}:${index + 1} holds ${what}`);
      }
    }
  }
  return problems;
}

if (isMain(import.meta.url)) {
  const problems = checkWords();
  for (const problem of problems) console.error(problem);
  console.log(`${problems.length} problems`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
