import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionPool, type PoolStateChange } from '../../../src/index.ts';
import { startServer } from '../../../src/testkit/index.ts';
import { clients, until } from './support.ts';

const idOf = (client: string): string => /^id=(\d+)/.exec(client)?.[1] ?? assert.fail(client);

test('option minConnections: open() makes them, and lost ones are made again in the background', async () => {
  await using server = await startServer();
  await using pool = new ConnectionPool({ location: server.location, minConnections: 4 });
  await pool.open();
  assert.equal(pool.statistics.activeConnections, 4);
  const killed = new Set((await clients(server)).map(idOf));
  assert.equal(killed.size, 4);
  await server.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await until(async () => {
    const ids = (await clients(server)).map(idOf);
    return ids.length === 4 && !ids.some((id) => killed.has(id));
  }, 'four other connections');
  await until(() => pool.statistics.activeConnections === 4, 'four connections again');
  await pool.close();
  assert.equal(pool.statistics.connectingConnections, 0);
  await using unopened = new ConnectionPool({ location: server.location, minConnections: 2 });
  await unopened.execute('PING');
  await until(() => unopened.statistics.activeConnections === 2, 'two connections after the first use');
  assert.throws(() => new ConnectionPool({ location: server.location, minConnections: -1 }), TypeError);
});

test('option keepConnected and option onState: an idle pool dials again, and reports its state', async () => {
  await using server = await startServer();
  const changes: PoolStateChange[] = [];
  await using pool = new ConnectionPool({
    location: server.location,
    keepConnected: true,
    onState: (change) => changes.push(change),
  });
  await pool.open();
  assert.deepEqual(
    changes.map(({ state, address }) => [state, address]),
    [['up', pool.address]],
  );
  await server.kill();
  await until(() => changes.length === 2, 'the loss of an idle connection');
  assert.equal(changes[1]?.state, 'down');
  assert.ok(changes[1]?.error instanceof Error);
  await server.restart();
  await until(() => changes.length === 3, 'a new connection without any call');
  assert.equal(changes[2]?.state, 'up');
  assert.equal(pool.statistics.activeConnections, 1);
  await pool.close();
  assert.equal(changes.length, 3, 'closing is no loss');
});

test('a pool without keepConnected stays without a connection after a loss', async () => {
  await using server = await startServer();
  const states: string[] = [];
  await using pool = new ConnectionPool({
    location: server.location,
    onState: ({ state }) => states.push(state),
  });
  await pool.execute('PING');
  await server.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await until(() => states.length === 2, 'the loss of the only connection');
  assert.deepEqual([states, pool.statistics.activeConnections], [['up', 'down'], 0]);
});
