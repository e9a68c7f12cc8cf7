import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ConnectionError, SentinelConnectionPool } from '../../../src/index.ts';
import {
  serverBinaries,
  startSentinel,
  type TestSentinel,
  type TestServer,
} from '../../../src/testkit/index.ts';
import { Announcements, eventually, Load, Monitor, sleep } from './support.ts';
import { atMost } from '../../support/pace.ts';

/** The number of failovers in a row; the long run has 20. */
const ROUNDS = Number(process.env['RESPOOL_FAILOVERS'] ?? 4);
/** From the announcement to the next write: tens of milliseconds are usual, 500 is the claim. */
const RECOVERY = atMost(500);
/** MONITOR and the announcement travel on two sockets of two servers. */
const SLACK = atMost(100, 500);

for (const binary of await serverBinaries()) {
  describe(`failover under load, ${binary.kind} ${binary.version}`, () => {
    let group: TestSentinel;
    let announcements: Announcements;

    before(async () => {
      group = await startSentinel({ binary: binary.path });
      announcements = await Announcements.of(group);
    });
    after(async () => {
      await announcements[Symbol.asyncDispose]();
      await group.stop();
    });

    async function failover(kind: 'kill' | 'force', load: Load): Promise<{ old: TestServer; gap: number }> {
      const old = await group.currentPrimary();
      const monitor = await Monitor.of(old, group);
      await eventually('writes are seen', () => monitor.writes.length > 0);
      const since = Date.now();
      const over = kind === 'force' ? group.failover() : old.kill();
      const { at } = await announcements.next(old, since);
      await eventually('writing goes on', () => load.firstAfter(at) !== undefined);
      await over;
      await sleep(SLACK + 200);
      const late = monitor.writes.filter((write) => write.at > at + SLACK);
      assert.deepEqual(late, [], 'no write goes to the old primary after the switch was announced');
      await monitor[Symbol.asyncDispose]();
      // After a kill waiting calls come first; a live old primary answers until the announcement arrives.
      const first = kind === 'kill' ? load.successAfter(at) : load.firstAfter(at);
      return { old, gap: (first?.at ?? Infinity) - at };
    }

    test(`${ROUNDS} failovers in a row, by force and by kill: writing resumes in time, and no write goes to an old primary`, async (t) => {
      await using pool = SentinelConnectionPool.fromUrl(group.url, {
        decodeResponses: false,
        maxConnections: 4,
        clientName: 'load',
      });
      const load = new Load(pool);
      await eventually('the load runs', () => load.writes.length > 100);
      const gaps: string[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const kind = round % 2 === 0 ? 'kill' : 'force';
        const { old, gap } = await failover(kind, load);
        gaps.push(`${kind} ${gap} ms`);
        assert.ok(gap <= RECOVERY, `writing again ${gap} ms after the announcement`);
        if (!old.running) await old.restart();
        await group.waitHealthy();
      }
      await load.stop();
      t.diagnostic(
        `writing again after: ${gaps.join(', ')}; ${load.writes.length} written, ${load.errors.length} lost`,
      );
      assert.equal(load.wrong, 0);
      for (const error of load.errors) {
        assert.ok(error instanceof ConnectionError && error.maybeExecuted, String(error));
      }
      const { activeConnections, idleConnections, inUseConnections, connectingConnections, waiting } =
        pool.statistics;
      assert.deepEqual([inUseConnections, connectingConnections, waiting], [0, 0, 0]);
      assert.equal(activeConnections, idleConnections);
      assert.ok(activeConnections >= 1);
    });
  });
}
