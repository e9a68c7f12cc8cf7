// The sidebars: guides in the order of tasks, recipes as their index lists them, the reference by what it is about.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const PAGES = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..', 'pages');

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

/** Names of the main entry by what they are about; the first that fits. */
const KINDS = [
  ['Pools', /Pool$|^Sentinel$|^Executor$|^Lease$|^Script$|^Scan$|^ClusterLayout$/],
  ['Connections', /Connection$|Location$|^Request$|^RequestBatch$|CapacityLimiter/],
  ['Publish and subscribe', /Channel/],
  ['Cache', /Cache/],
  ['Errors', /Error$|^InvalidResponse$/],
  ['Telemetry', /Event$|Trace$|Statistics$|Telemetry|SanitizeArguments/],
  ['Options', /Options$|Params$|Policy$|^Pool\w*Request|Credential|AddressMap|ReadFrom|ZoneOf|SSLContext/],
  ['Functions', /^[a-z]/],
  ['Types', /./],
];

function modulePages(module) {
  const folder = join(PAGES, 'reference', module);
  const found = [];
  if (!existsSync(folder)) return found;
  for (const kind of readdirSync(folder, { withFileTypes: true })) {
    if (!kind.isDirectory()) continue;
    for (const file of readdirSync(join(folder, kind.name))) {
      if (!file.endsWith('.md')) continue;
      const text = file.slice(0, -3);
      found.push({ text, link: `/reference/${module}/${kind.name}/${text}` });
    }
  }
  // A class that is written as a constant and an interface has two pages: the interface lists its members.
  const twice = (page) =>
    page.link.includes('/variables/') &&
    found.some(({ text, link }) => text === page.text && link !== page.link);
  return found.filter((page) => !twice(page)).sort((a, b) => (a.text < b.text ? -1 : 1));
}

export function reference() {
  const main = modulePages('index');
  const groups = KINDS.map(([text]) => ({ text, collapsed: text !== 'Pools', items: [] }));
  for (const page of main) groups[KINDS.findIndex(([, fits]) => fits.test(page.text))].items.push(page);
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
