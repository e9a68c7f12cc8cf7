import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import {
  type BaseConnectionOptions,
  ConnectionPool,
  type Location,
  PoolClosedError,
  TCPConnection,
  UnixDomainSocketConnection,
} from '../../../src/index.ts';
import { realServer, scripted } from '../connection/support.ts';

describe("a connection class of the user's own", () => {
  test('a connection class is constructed once for each connection, never to try it out', async () => {
    const server = await realServer();
    let made = 0;
    class Counting extends TCPConnection {
      constructor(location: Location, options?: BaseConnectionOptions) {
        super(location, options);
        made++;
      }
    }
    await using pool = new ConnectionPool({ location: server.location, connectionClass: Counting });
    assert.equal(made, 0);
    await pool.execute('PING');
    assert.equal(made, 1);
    assert.ok((await pool.getConnection({ timeout: 1_000 })) instanceof Counting);
    assert.equal(made, 1);
    pool.disconnect();
  });

  test('a connection class for another kind of location is refused at construction', async () => {
    const server = await realServer({ unixSocket: true });
    class Tcp extends TCPConnection {}
    class Unix extends UnixDomainSocketConnection {}
    const location = server.unixLocation as Location;
    assert.throws(() => new ConnectionPool({ location, connectionClass: Tcp }), TypeError);
    assert.throws(() => new ConnectionPool({ location: server.location, connectionClass: Unix }), TypeError);
  });
});

test('statistics show their figures when printed, as text and as JSON', async () => {
  const server = await realServer();
  await using pool = new ConnectionPool({ location: server.location });
  const lease = await pool.acquire();
  for (const shown of [inspect(pool.statistics), JSON.stringify(pool.statistics)])
    assert.match(shown, /inUseConnections"?: ?1/);
  lease.release();
});

describe('options of calls', () => {
  test('with() throws for bad values, and undefined is absent', async () => {
    const server = await scripted();
    await using pool = new ConnectionPool({ location: server.location });
    for (const timeout of [0, -1, Number.NaN, Infinity, '5'])
      assert.throws(() => pool.with({ timeout: timeout as never }), /timeout/);
    assert.throws(() => pool.with({ signal: {} as never }), /signal/);
    assert.throws(() => pool.with({ encoding: 'hex' as never }), TypeError);
    assert.throws(() => pool.with({ bogus: 1 } as never), /bogus/);
    const view = pool.with({ bogus: undefined, timeout: undefined } as never);
    assert.equal(String(await view.execute('PING')), 'PONG');
    assert.equal(String(await pool.executeRequest('PING', [], { bogus: undefined } as never)), 'PONG');
  });

  test('close() refuses unknown options, and then closes nothing', async () => {
    const server = await scripted();
    const pool = new ConnectionPool({ location: server.location });
    await assert.rejects(pool.close({ bogus: 1 } as never), /bogus/);
    await assert.rejects(pool.close({ timeout: -1 }), /timeout/);
    assert.equal(String(await pool.execute('PING')), 'PONG');
    const last = pool.execute('PING');
    await pool.close();
    assert.equal(String(await last), 'PONG');
    await assert.rejects(pool.execute('PING'), PoolClosedError);
  });
});
