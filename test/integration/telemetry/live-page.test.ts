import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { LivePage } from '../../../demo/web/live-page.ts';
import type { Sample } from '../../../demo/web/watcher.ts';
import { ClusterConnectionPool, ConnectionPool } from '../../../src/index.ts';
import { startCluster, startServer } from '../../../src/testkit/index.ts';

function projectRoot(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : projectRoot(dirname(folder));
}

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

it('the live page tells of load, connections, ends and the layout, from the channels alone', async () => {
  await using page = await LivePage.start(projectRoot(dirname(fileURLToPath(import.meta.url))));
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

  await using cluster = await startCluster({ primaries: 3, replicasPerPrimary: 0 });
  await using many = ClusterConnectionPool.fromUrl(cluster.url);
  await many.execute('SET', 'k', 'v');
  const drawn = await samplesUntil(
    page.url,
    (sample) => sample.cluster !== null && sample.cluster.nodes.length === 3,
  );
  assert.equal(drawn.cluster?.cells.length, 64);
  assert.deepEqual([...new Set(drawn.cluster?.cells)].sort(), [0, 1, 2]);
});
