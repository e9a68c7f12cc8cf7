// The sidebars: guides in the order of tasks, recipes as their index lists them, the reference by what it is about.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const PAGES = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..', 'pages');

/** @type {[string, string[]][]} */
const GROUPS = [
  ['Begin', ['tasks', 'pools', 'commands', 'urls', 'options', 'migrating', 'ioredis']],
  [
    'Call',
    [
      'cancellation-and-deadlines',
      'maybe-executed',
      'transactions-and-scripts',
      'scanning',
      'streaming',
      'pubsub',
      'caching',
    ],
  ],
  ['Reach the servers', ['connections', 'cluster', 'sentinel', 'failover-pool', 'tls-and-credentials']],
  [
    'Run it',
    [
      'sizing',
      'errors',
      'troubleshooting',
      'observability',
      'command-line',
      'serverless',
      'worker-threads',
      'bundling',
    ],
  ],
  ['Test and extend', ['testing', 'custom-connection-managers']],
  ['Inside', ['performance', 'bench', 'reliability', 'design', 'contributing']],
];

/** The first heading of a page. */
function titleOf(path) {
  const [, title = path] = /^# (.+)$/m.exec(readFileSync(join(PAGES, `${path}.md`), 'utf8')) ?? [];
  return title.replaceAll('`', '');
}

export function guides() {
  const listed = new Set(GROUPS.flatMap(([, names]) => names));
  const others = readdirSync(join(PAGES, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => name.slice(0, -3))
    .filter((name) => !listed.has(name));
  /** @type {[string, string[]][]} */
  const groups = others.length > 0 ? [...GROUPS, ['More', others]] : GROUPS;
  return groups.map(([text, names]) => ({
    text,
    items: names
      .filter((name) => existsSync(join(PAGES, 'docs', `${name}.md`)))
      .map((name) => ({ text: titleOf(`docs/${name}`), link: `/docs/${name}` })),
  }));
}

export function recipes() {
  const index = readFileSync(join(PAGES, 'docs/recipes/index.md'), 'utf8');
  const items = [...index.matchAll(/\[([^\]]+)\]\((\w[\w-]*)\.md\)/g)].map(([, text, name]) => ({
    text,
    link: `/docs/recipes/${name}`,
  }));
  return [{ text: 'Recipes', items: [{ text: 'All recipes', link: '/docs/recipes/' }, ...items] }];
}

const INDEX = join(PAGES, '..', '..', '..', 'src', 'index.ts');

/** The exports of the main entry under the headings of `src/index.ts`, which every export stands below. */
export function sections() {
  const [, ...parts] = readFileSync(INDEX, 'utf8').split(/^\/\/ # /m);
  return parts.map((part) => {
    const [heading = ''] = part.split('\n', 1);
    const lists = [...part.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap(([, list]) =>
      list.split(','),
    );
    const names = lists.map((name) =>
      name
        .replace(/^\s*type /, '')
        .split(' as ')
        .at(-1)
        .trim(),
    );
    return { heading, names: names.filter((name) => name !== '') };
  });
}

/** The pages of the main entry by section. Throws for a page whose export has no heading. */
export function sectionPages() {
  const pages = new Map(modulePages('index').map((page) => [page.text, page]));
  const groups = sections().map(({ heading, names }) => ({
    text: heading,
    items: names.flatMap((name) => {
      const page = pages.get(name);
      pages.delete(name);
      return page ?? [];
    }),
  }));
  const [stray] = pages.keys();
  if (stray !== undefined) throw new Error(`src/index.ts lists ${stray} under no heading`);
  return groups;
}

function modulePages(module) {
  const folder = join(PAGES, 'reference', module);
  const found = [];
  if (!existsSync(folder)) return found;
  for (const kind of readdirSync(folder, { withFileTypes: true })) {
    if (!kind.isDirectory()) continue;
    for (const file of readdirSync(join(folder, kind.name))) {
      if (!file.endsWith('.md')) continue;
      const name = file.slice(0, -3);
      // `REPLY` and `Reply` have files with different names, for disks that take both for the same.
      found.push({ text: name.replace(/-\d+$/, ''), link: `/reference/${module}/${kind.name}/${name}` });
    }
  }
  // A class that is written as a constant and an interface has two pages: the interface lists its members.
  const twice = (page) =>
    page.link.includes('/variables/') &&
    found.some(({ text, link }) => text === page.text && link !== page.link);
  return found.filter((page) => !twice(page)).sort((a, b) => (a.text < b.text ? -1 : 1));
}

export function reference() {
  const groups = sectionPages().map((group, index) => ({ ...group, collapsed: index > 0 }));
  const entries = [
    ['respool/testkit', 'testkit'],
    ['respool/otel', 'otel'],
    ['respool/ioredis', 'ioredis'],
  ].map(([text, folder]) => ({ text, collapsed: true, items: modulePages(folder) }));
  return [
    { text: 'Overview', link: '/reference/' },
    ...[...groups, ...entries].filter(({ items }) => items.length > 0),
  ];
}
