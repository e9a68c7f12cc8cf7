// npm run docs: builds guides, recipes and API reference as a static site in tools/site/dist; --serve serves it on
// loopback.
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { extname, join, posix, relative } from 'node:path';
import { installedIn } from './installed.mjs';
import { NPM, ROOT, run } from './lib.mjs';
import { sectionPages } from '../tools/site/.vitepress/sidebar.mjs';

const site = join(ROOT, 'tools', 'site');
const pages = join(site, 'pages');
const built = join(site, 'dist');
const bin = (name, path) => [process.execPath, join(site, 'node_modules', name, path)];

async function step(name, command, options = {}) {
  const { code } = await run(command, options);
  if (code === 0) return;
  console.error(`${name} failed.`);
  process.exit(code || 1);
}

/** Copies the guides and their pictures to the places where their links expect them. */
function copyPages() {
  rmSync(pages, { recursive: true, force: true });
  mkdirSync(pages, { recursive: true });
  for (const name of ['README.md', 'CHANGELOG.md', 'SECURITY.md'])
    cpSync(join(ROOT, name), join(pages, name));
  cpSync(join(ROOT, 'docs'), join(pages, 'docs'), { recursive: true });
  cpSync(join(ROOT, 'docs', 'dashboards'), join(pages, 'public', 'docs', 'dashboards'), { recursive: true });
  // GitHub shows a folder's README.md, the site its index.md.
  for (const folder of ['', 'docs/recipes'])
    renameSync(join(pages, folder, 'README.md'), join(pages, folder, 'index.md'));
  for (const path of filesBelow(pages).filter((name) => name.endsWith('.md'))) {
    const text = readFileSync(join(pages, path), 'utf8');
    writeFileSync(join(pages, path), text.replace(/(\]\([^)\s]*)README\.md/g, '$1index.md'));
  }
}

function filesBelow(folder) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => path.replaceAll('\\', '/'));
}

/**
 * A class that is declared as a constant and an interface of one name has two pages: the first with its description and
 * example, the second with its members. This gives the second the description, and the first a link to the second. It
 * also removes the "Inherited from" notes from all pages.
 */
function joinTwins() {
  const reference = join(pages, 'reference');
  for (const path of filesBelow(reference).filter((name) => /(^|\/)variables\/[^/]+\.md$/.test(name))) {
    const twin = path.replace('variables/', 'interfaces/');
    if (!existsSync(join(reference, twin))) continue;
    const [constant, members] = [path, twin].map((name) => readFileSync(join(reference, name), 'utf8'));
    const about = constant.replace(/^# .*\n/, '').replace(/^```ts\n[\s\S]*?^```\n/m, '');
    const name = posix.basename(path, '.md');
    const title = /^# Interface: (.*)$/m.exec(members)?.[1] ?? name;
    writeFileSync(
      join(reference, twin),
      `# Class: ${title}\n${about}\n${members.slice(members.indexOf('\n## '))}`,
    );
    writeFileSync(join(reference, path), `${constant}\nIts members: [${name}](../interfaces/${name}.md).\n`);
  }
  const inherited = /^#+ (?:Inherited from|Overrides|Implementation of)\n\n.*\n\n?/gm;
  for (const path of filesBelow(reference).filter((name) => name.endsWith('.md'))) {
    const text = readFileSync(join(reference, path), 'utf8');
    writeFileSync(join(reference, path), text.replace(inherited, ''));
  }
}

/** The first sentence of a page below its title; empty if there is none. */
function summaryOf(path) {
  const text = readFileSync(path, 'utf8')
    .replace(/^# .*\n/, '')
    .replace(/^```[\s\S]*?^```\n/gm, '');
  const [first = ''] = text.trim().split(/\n\s*\n/, 1);
  if (/^[#|>-]/.test(first)) return '';
  return first.replace(/\s+/g, ' ').replace(/\. .*/, '.');
}

/** The text above the exports of the main entry, which most readers look for. */
const ENTRIES = `The exports of \`respool\` by purpose. Separate entries:

- [respool/ioredis](ioredis/index.md): the API of ioredis
- [respool/otel](otel/index.md): spans and metrics for OpenTelemetry
- [respool/testkit](testkit/index.md): servers, clusters, scripted servers and bad lines for tests
`;

/** Lists the exports of the main entry by topic, on the overview and on the entry's page. */
function groupMainEntry() {
  const folder = join(pages, 'reference');
  const groups = sectionPages().map(({ text, items }) => {
    const lines = items.map(({ text: name, link }) => {
      const summary = summaryOf(join(pages, `${link}.md`));
      return `- [${name}](${link}.md)${summary === '' ? '' : `: ${summary}`}`;
    });
    return `## ${text}\n\n${lines.join('\n')}\n`;
  });
  const listed = groups.join('\n');
  writeFileSync(join(folder, 'index', 'index.md'), `# respool\n\n${listed}`);
  writeFileSync(join(folder, 'index.md'), `# Reference\n\n${ENTRIES}\n${listed}`);
}

/** The links inside the site whose file or anchor does not exist. */
function deadLinks() {
  const texts = new Map(
    filesBelow(built)
      .filter((path) => path.endsWith('.html'))
      .map((path) => [path, readFileSync(join(built, path), 'utf8')]),
  );
  const anchors = new Map();
  const anchorsOf = (path) => {
    let found = anchors.get(path);
    if (found === undefined) {
      found = new Set([...texts.get(path).matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id));
      anchors.set(path, found);
    }
    return found;
  };
  const dead = new Set();
  for (const [path, text] of texts) {
    for (const [, href] of text.matchAll(/<a\s[^>]*href="([^"]+)"/g)) {
      if (/^[a-z]+:/.test(href)) continue;
      const [to, anchor = ''] = decodeURI(href.replaceAll('&amp;', '&')).split('#');
      let target = to === '' ? path : posix.join(to.startsWith('/') ? '.' : posix.dirname(path), to);
      if (target === '.' || target.endsWith('/')) target = posix.join(target, 'index.html');
      if (extname(target) === '') target += '.html';
      if (!existsSync(join(built, target))) dead.add(`${path} → ${href}`);
      else if (anchor !== '' && texts.has(target) && !anchorsOf(target).has(anchor))
        dead.add(`${path} → ${href}`);
    }
  }
  return { pages: texts.size, dead: [...dead] };
}

if (!existsSync(join(site, 'node_modules')) || !installedIn(site)) {
  const install = [NPM, 'ci', '--prefix', site, '--no-audit', '--no-fund', '--loglevel=error'];
  await step('npm ci in tools/site: this command needs the package registry once; it', install);
}
await step('The build', [process.execPath, join(ROOT, 'scripts', 'build.mjs')]);
copyPages();
await step('typedoc', [...bin('typedoc', 'bin/typedoc'), '--options', 'typedoc.json'], { cwd: site });
joinTwins();
groupMainEntry();
await step('vitepress', [...bin('vitepress', 'bin/vitepress.js'), 'build', '.'], { cwd: site });
const links = deadLinks();
for (const link of links.dead) console.error(`dead link: ${link}`);
console.log(`${links.pages} pages in ${relative(ROOT, built)}, ${links.dead.length} dead links`);
if (links.dead.length > 0) process.exit(1);
if (process.argv.includes('--serve'))
  await step('vitepress preview', [...bin('vitepress', 'bin/vitepress.js'), 'preview', '.'], { cwd: site });
