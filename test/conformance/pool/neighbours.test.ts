import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, test } from 'node:test';
import { type AbstractCredentialProvider, ConnectionPool, TCPConnection } from '../../../src/index.ts';
import type { TestServer } from '../../../src/testkit/index.ts';
import { failure } from './support.ts';
import { useServer } from '../../support/servers.ts';

describe('a misconfigured pool does not delay its neighbours at the same address', () => {
  let server: TestServer;
  useServer((started) => (server = started), { requirepass: 'sesame' });

  class Refuser extends TCPConnection {
    constructor(...[location, options]: ConstructorParameters<typeof TCPConnection>) {
      super(location, options);
      this.registerConnectCallback(() => {
        throw new Error('not today');
      });
    }
  }
  const provider = {
    getCredentials: () => Promise.reject(new Error('the vault is closed')),
  } as unknown as AbstractCredentialProvider;
  const cases = {
    'a wrong password': { password: 'wrong' },
    'a database that does not exist': { password: 'sesame', db: 99 },
    'a credential provider that refuses': { credentialProvider: provider },
    'a connect callback that throws': { password: 'sesame', connectionClass: Refuser },
  };

  for (const [name, options] of Object.entries(cases)) {
    test(`${name} leaves the neighbours alone`, async () => {
      const states: unknown[] = [];
      const listen = (event: unknown): unknown => states.push(event);
      subscribe('respool:pool:state', listen);
      try {
        const { location } = server;
        await using broken = new ConnectionPool({ location, ...options });
        for (let count = 0; count < 6; count++) {
          const error = await failure(broken.executeRequest('PING', [], { timeout: 300 }));
          assert.ok(error instanceof Error);
        }
        await using well = new ConnectionPool({ location, password: 'sesame', decodeResponses: true });
        assert.equal(await well.execute('PING'), 'PONG');
        assert.deepEqual(states, [], 'the address was never down');
      } finally {
        unsubscribe('respool:pool:state', listen);
      }
    });
  }

  test('a misconfigured pool pauses between its own dials', async () => {
    await using broken = new ConnectionPool({ location: server.location, password: 'wrong' });
    const dialsBefore = Number(
      /total_connections_received:(\d+)/.exec(String(await server.command('INFO', 'stats')))?.[1],
    );
    const end = performance.now() + 1_000;
    let calls = 0;
    while (performance.now() < end) {
      await failure(broken.execute('PING'));
      calls++;
    }
    const dialsAfter = Number(
      /total_connections_received:(\d+)/.exec(String(await server.command('INFO', 'stats')))?.[1],
    );
    // Full jitter that doubles from 50 ms: a storm would be hundreds.
    assert.ok(dialsAfter - dialsBefore < 40, `${dialsAfter - dialsBefore} dials for ${calls} calls`);
  });

  test('the code of the error says that the credential provider failed', async () => {
    await using broken = new ConnectionPool({ location: server.location, credentialProvider: provider });
    const error = (await failure(broken.execute('PING'))) as Error & { code: string };
    assert.equal(error.code, 'RESPOOL_CREDENTIALS');
    assert.match(error.message, /the vault is closed/);
  });
});
