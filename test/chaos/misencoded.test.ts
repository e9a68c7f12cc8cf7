// Calls that cannot be encoded between calls that can: each of those gets its own reply.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionPool } from '../../src/index.ts';
import { startServer } from '../../src/testkit/index.ts';

test('an argument that cannot be encoded leaves its neighbours their own replies, wherever it stands', async () => {
  await using server = await startServer();
  await using pool = new ConnectionPool({ location: server.location, decodeResponses: true });
  const bad = [undefined, null, Number.NaN, {}, true, Symbol('x')] as const;
  await pool.use(async (connection) => {
    for (let place = 0; place < 20; place++) {
      const before = connection.createRequest('ECHO', [`before ${place}`]);
      const args: unknown[] = Array.from({ length: 20 }, (_, at) => `argument ${at}`);
      args[place] = bad[place % bad.length];
      assert.throws(() => connection.createRequest('MSET', args as never), TypeError);
      const after = connection.createRequest('ECHO', [`after ${place}`], { timeout: 2_000 });
      assert.deepEqual(await Promise.all([before, after]), [`before ${place}`, `after ${place}`]);
    }
  });
});
