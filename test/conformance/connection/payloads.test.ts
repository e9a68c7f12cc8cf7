// Large arguments and texts: their bytes are handled in memory that is used again and again.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConnectionPool, ExponentialBackoffRetryPolicy, type TCPConnection } from '../../../src/index.ts';
import type { ScriptedServer } from '../../../src/testkit/index.ts';
import { open, realServer, scripted } from './support.ts';

const hash = (bytes: Uint8Array | string): string => createHash('sha1').update(bytes).digest('hex');

describe('payloads', () => {
  const SIZE = 1_000_000;
  const payloads = Array.from({ length: 24 }, (_, index) => Buffer.alloc(SIZE, 97 + index));
  const letters = (server: ScriptedServer): string => {
    const got = server.commands.filter(({ name }) => name === 'SET').map(({ args }) => args[2]!);
    for (const text of got) assert.equal(text, text[0]!.repeat(SIZE));
    return got.map((text) => text[0]).join('');
  };
  /** Some payloads are sent, the last of them in part, because the system cannot hold more. */
  const written = async (requests: readonly { maybeExecuted: boolean }[]): Promise<number> => {
    await sleep(50);
    const count = requests.filter(({ maybeExecuted }) => maybeExecuted).length;
    assert.ok(count > 0 && count < requests.length, `${count} written`);
    return count;
  };

  // This test runs first: no memory of the others may wait for its next use.
  test('payloads stay apart when the server answers before it has read them', async () => {
    const server = await scripted({ SET: null });
    const connection = await open(server, { decodeResponses: true });
    const peer = server.connections[0]!;
    peer.pauseReading();
    const send = (from: number, to: number) =>
      payloads.slice(from, to).map((payload) => connection.createRequest('SET', ['k', payload]));
    const early = send(0, 12);
    const count = await written(early);
    // Memory of fully sent payloads is used again; the last one is half sent when its answer arrives.
    peer.send('+OK\r\n'.repeat(count - 1));
    await Promise.all(early.slice(0, count - 1));
    const next = send(12, 22);
    peer.send('+OK\r\n');
    await early[count - 1];
    const late = send(22, 24);
    peer.resumeReading();
    await server.waitForCommand('SET', 24);
    peer.send('+OK\r\n'.repeat(24 - count));
    await Promise.all([...early, ...next, ...late]);
    assert.equal(letters(server), 'abcdefghijklmnopqrstuvwx');
  });

  test('payloads arrive as they were at the call, whatever became of their buffers', async () => {
    const server = await realServer();
    const pool = new ConnectionPool({ location: server.location, maxConnections: 3 });
    const connection = await open(server);
    for (let wave = 0; wave < 12; wave++) {
      const sent: string[] = [];
      const done: PromiseLike<unknown>[] = [];
      for (let index = 0; index < 24; index++) {
        const payload = randomBytes(9_000 + (((wave * 24 + index) * 7_919) % 300_000));
        sent.push(hash(payload));
        done.push(
          index % 2 === 0
            ? pool.execute('SET', `k:${index}`, payload)
            : connection.createRequest('MSET', [`k:${index}`, payload, `l:${index}`, payload]),
        );
        payload.fill(0);
      }
      await Promise.all(done);
      const kept = (await Promise.all(sent.map((_, index) => pool.execute('GET', `k:${index}`)))) as Buffer[];
      assert.deepEqual(kept.map(hash), sent);
      for (let index = 1; index < 24; index += 2) {
        assert.equal(hash((await connection.createRequest('GET', [`l:${index}`])) as Buffer), sent[index]);
      }
    }
    await pool.close();
  });

  test('payloads of a repeated call stay as they were until all of them are sent', async () => {
    const server = await scripted({ SET: null });
    const pool = new ConnectionPool({
      location: server.location,
      retryPolicy: new ExponentialBackoffRetryPolicy({ retries: 5 }),
    });
    await pool.execute('PING');
    const peer = server.connections[0]!;
    peer.pauseReading();
    const early = payloads.slice(0, 12).map((payload) => pool.executeRequest('SET', ['k', payload]));
    const count = await written(early);
    peer.send('-LOADING not yet\r\n'.repeat(count));
    await sleep(150);
    const late = payloads.slice(12).map((payload) => pool.executeRequest('SET', ['k', payload]));
    peer.resumeReading();
    await server.waitForCommand('SET', 24 + count);
    peer.send('+OK\r\n'.repeat(24));
    await Promise.all([...early, ...late]);
    const all = letters(server);
    assert.equal(all.slice(0, 12), 'abcdefghijkl');
    assert.equal([...all.slice(12)].sort().join(''), `${'abcdefghijkl'.slice(0, count)}mnopqrstuvwx`);
    await pool.close();
  });
});

describe('large texts', () => {
  test('large texts of several connections, arriving in pieces, are read exactly', async () => {
    const server = await realServer();
    const texts = [20_000, 65_536, 70_001, 130_000, 400_000, 1_100_000, 3_000_000].map((size, index) =>
      'Příliš žluťoučký kůň '.repeat(size / 20).slice(0, index % 2 === 0 ? size : undefined),
    );
    const writer = await open(server);
    for (const [index, text] of texts.entries()) await writer.createRequest('SET', [`t:${index}`, text]);
    const readers: TCPConnection[] = [];
    for (let count = 0; count < 4; count++) readers.push(await open(server, { decodeResponses: true }));
    for (let round = 0; round < 6; round++) {
      const reads = readers.flatMap((reader) =>
        texts.map(async (text, index) => {
          assert.equal(await reader.createRequest('GET', [`t:${index}`]), text);
        }),
      );
      await Promise.all(reads);
    }
  });
});
