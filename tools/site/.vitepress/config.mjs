import { defineConfig } from 'vitepress';
import { guides, recipes, reference } from './sidebar.mjs';

/** As GitHub does it, so that one link works on both. */
function slugify(heading) {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(' ', '-');
}

/** Guides answer a question before the reference does. */
function boostDocument(id) {
  return id.startsWith('/reference/') ? 0.3 : 1;
}

const LONG_CELL = 40;

/**
 * Tables of prose become cards on a phone: each cell knows the heading of its column. Tables of figures keep their columns
 * and scroll.
 */
function labelCells(md) {
  md.renderer.rules.table_open = (tokens, at, options, _env, self) => {
    tokens[at].attrSet('tabindex', '0');
    return self.renderToken(tokens, at, options);
  };
  md.core.ruler.after('inline', 'label-cells', ({ tokens }) => {
    let table = null;
    tokens.forEach((token, at) => {
      const text = tokens[at + 1]?.content ?? '';
      if (token.type === 'table_open') table = { token, headings: [], column: 0 };
      else if (token.type === 'tr_open') table.column = 0;
      else if (token.type === 'th_open') table.headings.push(text);
      else if (token.type === 'td_open') {
        const heading = table.headings[table.column++] ?? '';
        if (heading !== 'meaning' && heading !== '') token.attrSet('data-label', heading);
        const last = table.column === table.headings.length;
        if (last && text.length > LONG_CELL) table.token.attrSet('class', 'cards');
      }
    });
  });
}

/** Three connections of one pool. */
const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" stroke="#3451b2" stroke-width="4" stroke-linecap="round">
<path d="M5 9h22M5 16h22M5 23h22"/></svg>`;

export default defineConfig({
  title: 'respool',
  description: 'Redis and Valkey connections and connection pools for TypeScript',
  head: [['link', { rel: 'icon', href: `data:image/svg+xml,${encodeURIComponent(ICON)}` }]],
  srcDir: 'pages',
  outDir: 'dist',
  cleanUrls: false,
  lastUpdated: false,
  markdown: {
    anchor: { slugify },
    toc: { slugify },
    config: labelCells,
    theme: { light: 'github-light', dark: 'github-dark' },
    // "```ts no-run" and the like say how the tests run a block.
    languageAlias: { cjs: 'js' },
  },
  themeConfig: {
    outline: [2, 3],
    search: { provider: 'local', options: { miniSearch: { searchOptions: { boostDocument } } } },
    nav: [
      { text: 'Tasks', link: '/docs/tasks' },
      { text: 'Recipes', link: '/docs/recipes/', activeMatch: '^/docs/recipes/' },
      { text: 'Guides', link: '/docs/pools', activeMatch: '^/docs/(?!recipes|tasks)' },
      { text: 'Reference', link: '/reference/', activeMatch: '^/reference/' },
      { text: 'Changes', link: '/CHANGELOG' },
    ],
    sidebar: { '/reference/': reference(), '/docs/recipes/': recipes(), '/': guides() },
    docFooter: { prev: 'Before', next: 'Next' },
  },
});
