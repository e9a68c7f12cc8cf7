import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ConnectionPool } from '../../../src/index.ts';
import { realServer } from '../connection/support.ts';

const sockets = (): number =>
  process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap' || name === 'PipeWrap').length;

describe('after close() of a pool', () => {
  test('close() leaves no socket, not even one that is still closing', async () => {
    const server = await realServer({ unixSocket: true });
    server.disconnect();
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (const location of server.locations) {
      const before = sockets();
      const pool = new ConnectionPool({ location, maxConnections: 4 });
      await Promise.all([pool.execute('PING'), pool.getConnection(), pool.getConnection()]);
      const blocked = pool.execute('BLPOP', 'k', 0).catch(() => null);
      await pool.executePubsub('SUBSCRIBE', 'a');
      assert.ok(sockets() > before);
      await pool.close({ timeout: 50 });
      await blocked;
      assert.equal(sockets(), before);
    }
  });
});
