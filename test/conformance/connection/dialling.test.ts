import assert from 'node:assert/strict';
import { createServer, type AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import { ClusterConnection } from '../../../src/connection/cluster-connection.ts';
import { SentinelManagedConnection } from '../../../src/connection/sentinel-managed-connection.ts';
import { TCPConnection } from '../../../src/connection/tcp-connection.ts';
import { ConnectionError, TimeoutError } from '../../../src/errors/errors.ts';
import { CapacityLimiter } from '../../../src/pooling/capacity-limiter.ts';
import { TCPLocation } from '../../../src/transport/location.ts';
import { eventually, failure, open, outcome, pair, scripted } from './support.ts';

describe('time limits and aborts of the dial', () => {
  const phases = {
    HELLO: { script: { HELLO: null } },
    'the later steps': { script: { SELECT: null } },
  } as const;
  for (const [phase, { script }] of Object.entries(phases)) {
    test(`option connectTimeout: covers ${phase}`, async () => {
      const server = await scripted(script);
      const connection = new TCPConnection(server.location, { connectTimeout: 60, db: 1 });
      const error = await failure(connection.run(), ConnectionError);
      assert.ok(error.cause instanceof TimeoutError);
      assert.equal(error.cause.phase, 'connect');
      assert.equal(connection.closed, true);
      await connection.waitClosed();
      await eventually(() => server.openConnections.length === 0, 'the socket is gone');
    });
  }

  test('option connectTimeout: covers the credential provider, the callbacks and the TLS function', async () => {
    const server = await scripted();
    const never = new Promise<never>(() => {});
    const withProvider = new TCPConnection(server.location, {
      connectTimeout: 40,
      credentialProvider: { getCredentials: () => never } as never,
    });
    const withCallback = new TCPConnection(server.location, { connectTimeout: 40 });
    withCallback.registerConnectCallback(() => never);
    const withTls = new TCPConnection(server.location, { connectTimeout: 40, sslContext: () => never });
    for (const connection of [withProvider, withCallback, withTls]) {
      const error = await failure(connection.run(), ConnectionError);
      assert.equal((error.cause as TimeoutError).phase, 'connect');
    }
  });

  test('option connectTimeout: covers a TLS peer that never answers', async () => {
    const silent = createServer((socket) => socket.on('error', () => {}));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    const options = { connectTimeout: 60, sslContext: {} };
    const connection = new TCPConnection(new TCPLocation('127.0.0.1', port), options);
    const error = await failure(connection.run(), ConnectionError);
    silent.close();
    assert.equal((error.cause as TimeoutError).phase, 'connect');
  });

  test('a signal ends the dial with its reason in every phase', async () => {
    const server = await scripted({ HELLO: null });
    for (const delay of [null, 0, 30]) {
      const reason = new Error(`reason ${delay}`);
      const controller = new AbortController();
      const connection = new TCPConnection(server.location);
      if (delay === null) controller.abort(reason);
      else setTimeout(() => controller.abort(reason), delay);
      const result = await outcome(connection.run({ signal: controller.signal }));
      assert.equal((result as { error: unknown }).error, reason);
      assert.equal(connection.closed, true);
      await connection.waitClosed();
    }
    await eventually(() => server.openConnections.length === 0, 'no socket is left');
  });

  test('run refuses an unknown option, and undefined counts as absent', async () => {
    const server = await scripted();
    const connection = new TCPConnection(server.location);
    const error = await failure(connection.run({ timeout: 5 } as object), TypeError);
    assert.match(error.message, /"timeout"/);
    await connection.run({ timeout: undefined, signal: undefined } as object);
    assert.equal(connection.usable, true);
    await connection.close();
  });

  test('a reason that is no Error arrives as it is', async () => {
    const server = await scripted({ HELLO: null });
    const controller = new AbortController();
    const running = new TCPConnection(server.location).run({ signal: controller.signal });
    controller.abort('enough');
    assert.deepEqual(await outcome(running), { error: 'enough' });
  });

  test('invalidate ends the dial in every phase', async () => {
    const server = await scripted({ HELLO: null });
    for (const delay of [null, 0, 30]) {
      const connection = new TCPConnection(server.location);
      if (delay === null) connection.invalidate('not wanted');
      const running = connection.run();
      if (delay !== null) setTimeout(() => connection.invalidate('not wanted'), delay);
      const error = await failure(running, ConnectionError);
      assert.match(error.message, /not wanted/);
      await connection.waitClosed();
    }
    await eventually(() => server.openConnections.length === 0, 'no socket is left');
  });

  test('run works only once: during the dial, while usable, after a failure and after the end', async () => {
    const server = await scripted();
    const connection = new TCPConnection(server.location);
    const running = connection.run();
    await assert.rejects(connection.run(), /cannot be reused/);
    await running;
    await assert.rejects(connection.run(), /cannot be reused/);
    assert.equal(connection.usable, true);
    await connection.close();
    await assert.rejects(connection.run(), /cannot be reused/);
    const refused = await scripted();
    await refused.stopListening();
    const failed = new TCPConnection(refused.location);
    await assert.rejects(failed.run());
    await refused.listen();
    await assert.rejects(failed.run(), /cannot be reused/);
  });

  test('run refuses a signal that is none, and an option of another call', async () => {
    const server = await scripted();
    await assert.rejects(new TCPConnection(server.location).run({ timeout: 5 } as never), TypeError);
    await assert.rejects(new TCPConnection(server.location).run({ signal: {} } as never), TypeError);
  });

  test('a peer that closes during the handshake is a ConnectionError', async () => {
    const server = await scripted({
      HELLO: (_command, peer) => {
        peer.end();
        return null;
      },
    });
    await failure(new TCPConnection(server.location).run(), ConnectionError);
  });
});

describe('construction', () => {
  test('the constructor checks its options and does nothing else', async () => {
    const connection = new TCPConnection(new TCPLocation('127.0.0.1', 1));
    assert.deepEqual(
      [connection.usable, connection.reusable, connection.transportHealthy, connection.closed],
      [false, false, false, false],
    );
    assert.deepEqual([connection.clientId, connection.serverVersion, connection.address], [null, null, null]);
    for (const use of [
      () => connection.createRequest('PING'),
      () => connection.createRequestBatch([]),
      () => connection.sendCommand('PING'),
      () => connection.pushMessages,
      () => connection.streamedMessages,
    ]) {
      assert.throws(use, ConnectionError);
    }
    await assert.rejects(connection.execute('PING'), ConnectionError);
    await assert.rejects(connection.updateTrackingClient(true), ConnectionError);
  });

  test('an unknown option is a TypeError, also for the special classes', () => {
    const location = new TCPLocation('127.0.0.1', 1);
    for (const make of [
      () => new TCPConnection(location, { nonsense: 1 } as never),
      () => new TCPConnection(location, { readFromReplicas: true } as never),
      () => new ClusterConnection(location, { nonsense: 1 } as never),
      () => new SentinelManagedConnection(location, 'm', true, { nonsense: 1 } as never),
    ]) {
      assert.throws(make, TypeError);
    }
    new TCPConnection(location, { nonsense: undefined, processingBudget: new CapacityLimiter(1) } as never);
  });

  test('a pool of the dialled address reaches the same server', async () => {
    const { connection, server } = await pair();
    assert.equal(connection.address, `127.0.0.1:${server.port}`);
    assert.equal((await open(server)).clientId, 2);
  });
});
