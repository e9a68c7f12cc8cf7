// Every ts and js block of README.md and docs/ is compiled against src and run against real servers, whose addresses
// are put in place of those that the pages name (test/support/doc-servers.ts). "```ts no-run" is only compiled.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { blocksOf, compileBlocks, type DocBlock, docPages, runBlock } from './support/doc-blocks.ts';
import { DocServers } from './support/doc-servers.ts';

/** Most blocks wait for servers: pages beside each other, the blocks of a page in order. */
const PAGES_AT_ONCE = 3;

const blocks = docPages().flatMap(blocksOf);
const servers = new DocServers();
let mistakesOf: (block: DocBlock) => string[];

before(async () => {
  mistakesOf = await compileBlocks(blocks);
});
after(() => servers[Symbol.asyncDispose]());

test('README.md shows code', () => {
  assert.ok(blocks.some((block) => block.page === 'README.md' && block.kind === 'run'));
});

describe('code of the pages', { concurrency: PAGES_AT_ONCE }, () => {
  for (const page of docPages()) {
    const own = blocks.filter((block) => block.page === page);
    if (own.length > 0) describe(page, { concurrency: 1 }, () => testBlocks(own));
  }
});

function testBlocks(own: readonly DocBlock[]): void {
  for (const block of own) {
    const runs = block.kind !== 'no-run';
    test(`${block.page}:${block.line} compiles${runs ? ' and runs' : ''}`, async () => {
      assert.deepEqual(mistakesOf(block), []);
      if (!runs) return;
      const places = await servers.placesFor(block.page, block.code);
      const { code, output, missing } = await runBlock(block, places);
      assert.equal(code, 0, output);
      assert.deepEqual(missing, [], output);
    });
  }
}
