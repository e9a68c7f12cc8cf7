// node scripts/live-page-picture.mjs [file]: runs the cluster demo with its live page, and takes a picture of the page
// for README.md after a failover, while the demo still runs.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compile } from './compile.mjs';
import { ensureChromium } from './ensure-chromium.mjs';
import { ROOT } from './lib.mjs';

const SIZE = { width: 1_240, height: 730 };
/** The number of samples that the picture shows after the failover. */
const AFTER = 3;
const PATIENCE = 90_000;

const file = process.argv[2] ?? join(ROOT, 'docs', 'live-page.png');
process.env.CHROMIUM = (await ensureChromium()) ?? '';
const { code, output } = await compile();
if (code !== 0) throw new Error(output);
const { ChromiumPage } = await import(join(ROOT, '.build/test/support/chromium.js'));

const demo = spawn(process.execPath, [join(ROOT, '.build/demo/main.js'), 'cluster', '--web'], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
try {
  const url = await new Promise((resolve, reject) => {
    let text = '';
    demo.stdout.on('data', (chunk) => {
      text += chunk;
      const found = /The live page: (\S+)/.exec(text);
      if (found !== null) resolve(found[1]);
    });
    demo.on('exit', () => reject(new Error(`the demo has ended: ${text}`)));
  });
  const page = await ChromiumPage.open(url, SIZE);
  try {
    const last = `samples.findLastIndex(({ happenings }) => happenings.some(({ kind }) => kind === 'failover'))`;
    const recovered = `${last} >= 0 && samples.length - ${last} > ${AFTER} && samples.at(-1).operationsPerSecond > 100`;
    await page.until(recovered, PATIENCE);
    writeFileSync(file, await page.picture());
    console.log(file, await page.evaluate(`document.querySelector('#state').textContent`), page.errors);
  } finally {
    await page[Symbol.asyncDispose]();
  }
} finally {
  demo.kill('SIGINT');
}
