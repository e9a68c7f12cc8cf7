// docs/bench.md consists of blocks between marks. Each part of the benchmark writes only its own block.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BENCH, ROOT } from './runner.mjs';

const RESULTS = join(BENCH, 'results');
export const PAGE = join(ROOT, 'docs/bench.md');
const start = (id) => `<!-- ${id}:start -->`;
const end = (id) => `<!-- ${id}:end -->`;

/** The page with the block of `id` replaced, or inserted at its position in `order`. */
export function withBlock(page, id, text, order) {
  const block = `${start(id)}\n\n${text.trim()}\n\n${end(id)}`;
  const from = page.indexOf(start(id));
  if (from >= 0)
    return page.slice(0, from) + block + page.slice(page.indexOf(end(id), from) + end(id).length);
  const before = order.slice(0, order.indexOf(id)).findLast((other) => page.includes(end(other)));
  if (before === undefined) return `${page.trimEnd()}\n\n${block}\n`;
  const at = page.indexOf(end(before)) + end(before).length;
  return `${page.slice(0, at)}\n\n${block}${page.slice(at)}`;
}

function replaceIn(file, id, text, order = [id]) {
  writeFileSync(file, withBlock(readFileSync(file, 'utf8'), id, text, order));
}

/**
 * Writes the results of a part: always into bench/results/, and into the documents if the measurement was complete.
 * `files` and `readme` of the result are further texts, for the folder of the page and for the README.
 */
export function publish(id, { text, readme, files = {}, data }, { complete, order }) {
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, `${id}.json`), `${JSON.stringify(data, null, 2)}\n`);
  writeFileSync(join(RESULTS, `${id}.md`), `${text}\n`);
  const folder = complete ? join(ROOT, 'docs') : RESULTS;
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  if (!complete) return;
  replaceIn(PAGE, id, text, order);
  if (readme !== undefined) replaceIn(join(ROOT, 'README.md'), 'bench', readme);
}
