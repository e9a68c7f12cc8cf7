import assert from 'node:assert/strict';
import { it } from 'node:test';
import { LivePage } from '../../../demo/web/live-page.ts';
import type { Sample } from '../../../demo/web/watcher.ts';
import { ClusterConnectionPool, ConnectionPool } from '../../../src/index.ts';
import { startCluster, startServer } from '../../../src/testkit/index.ts';
import { ChromiumPage } from '../../support/chromium.ts';
import { ROOT } from '../../support/doc-blocks.ts';

async function samplesUntil(url: string, enough: (sample: Sample) => boolean): Promise<Sample> {
  const response = await fetch(`${url}samples`);
  assert.match(response.headers.get('content-type') ?? '', /event-stream/);
  let text = '';
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const events = text.split('\n\n');
    text = events.pop() ?? '';
    for (const event of events) {
      const sample = JSON.parse(event.replace(/^data: /, '')) as Sample;
      if (enough(sample)) return sample;
    }
  }
  throw new Error('the stream ended');
}

it('the live page shows load, connections, ends and the layout, from the channels alone', async () => {
  await using page = await LivePage.start(ROOT);
  const html = await (await fetch(page.url)).text();
  assert.match(html, /<title>respool, live<\/title>/);
  assert.doesNotMatch(html, /(?:src|href)="http/);
  assert.equal((await fetch(`${page.url}other`)).status, 404);

  await using server = await startServer();
  await using pool = ConnectionPool.fromUrl(server.url);
  const load = setInterval(() => void pool.execute('PING').catch(() => {}), 5);
  try {
    const busy = await samplesUntil(page.url, ({ operationsPerSecond }) => operationsPerSecond > 10);
    assert.ok((busy.p50 ?? 0) > 0);
    assert.equal(busy.connections.idle + busy.connections.used, 1);
    assert.equal(busy.cluster, null);
    const blocked = pool.execute('BLPOP', 'nothing', 30).catch(() => {});
    await samplesUntil(page.url, ({ connections }) => connections.used === 1);
    await server.kill();
    await blocked;
    await samplesUntil(page.url, ({ happenings }) => happenings.some(({ kind }) => kind === 'kill'));
  } finally {
    clearInterval(load);
  }
  await pool.close({ timeout: 100 });
});

/** The nodes as the page shows them: address and part. */
const NODES = `[...document.querySelectorAll('.node')].map((node) => node.innerText.replaceAll('\\n', ' '))`;

it('a browser draws the live page: charts move, nodes and slots follow a failover, and nothing is an error', async () => {
  await using cluster = await startCluster({ primaries: 3, replicasPerPrimary: 1 });
  await using live = await LivePage.start(ROOT);
  await using pool = ClusterConnectionPool.fromUrl(cluster.url);
  await using browser = await ChromiumPage.open(live.url, { width: 1_200, height: 900 });
  const load = setInterval(() => void pool.execute('SET', 'k', 'v').catch(() => {}), 5);
  try {
    await browser.until(`document.querySelector('#state').textContent === 'live'`);
    await browser.until(`Number(document.querySelector('#ops').textContent.split(' ')[0]) > 10`);
    for (const chart of ['ops', 'latency', 'connections']) {
      const path = `document.querySelector('#${chart}-chart path').getAttribute('d')`;
      const drawn = await browser.until<string>(path);
      await browser.until(`${path} !== ${JSON.stringify(drawn)}`);
    }
    assert.match(await browser.evaluate(`document.querySelector('#latency').textContent`), /\d ms p99 \d/);
    assert.equal(await browser.evaluate(`document.querySelectorAll('#strip rect').length`), 64);
    const colours = `new Set([...document.querySelectorAll('#strip rect')].map((cell) => cell.getAttribute('fill'))).size`;
    assert.equal(await browser.evaluate(colours), 3);
    const nodes = await browser.evaluate<string[]>(NODES);
    assert.equal(nodes.filter((node) => /primary, 5,\d+ slots$/.test(node)).length, 3, String(nodes));
    assert.equal(nodes.filter((node) => node.endsWith('replica')).length, 3, String(nodes));

    const old = await cluster.nodeForSlot(await cluster.keySlot('k'));
    const [successor] = await cluster.replicas(old);
    assert.ok(successor !== undefined);
    const primary = (port: number): string =>
      `${NODES}.some((node) => node.includes(':${port} ') && node.includes('primary'))`;
    assert.equal(await browser.evaluate(primary(successor.port)), false);
    await cluster.failover(old);
    await browser.until(`${primary(successor.port)} && !${primary(old.port)}`);
    const events = `[...document.querySelectorAll('#events b')].map((word) => word.textContent)`;
    await browser.until(`${events}.includes('failover')`);
  } finally {
    clearInterval(load);
  }
  assert.deepEqual(browser.errors, []);
});
