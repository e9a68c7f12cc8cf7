import assert from 'node:assert/strict';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { describe, test } from 'node:test';
import { duplexPair } from './duplex-pair.ts';
import { BaseConnection } from '../../../src/connection/base-connection.ts';
import type { Request } from '../../../src/connection/request.ts';
import { ConnectionError, InvalidResponse } from '../../../src/errors/errors.ts';
import type { ScriptedConnection } from '../../../src/testkit/index.ts';
import { type Location, TCPLocation } from '../../../src/transport/location.ts';
import { pair, scripted } from '../../conformance/connection/support.ts';

const COUNT = 64;
const SILENT = { ECHO: () => null };
const text = { decodeResponses: true };

/** Long enough that half of them are worth a slice. */
const answer = (index: number): string => `${'.'.repeat(16)}${index}`;
const answers = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, index) => `+${answer(from + index)}\r\n`).join('');

function echoes(connection: BaseConnection, count = COUNT): Request<unknown>[] {
  return Array.from({ length: count }, (_, index) => connection.createRequest('ECHO', [index]));
}

async function asked(peer: ScriptedConnection, count: number): Promise<void> {
  while (peer.commands.filter(({ name }) => name === 'ECHO').length < count) {
    await new Promise(setImmediate);
  }
}

/** A promise that takes some more turns of the microtasks than the one it waits for. */
async function layered<T>(promise: PromiseLike<T>, layers: number): Promise<T> {
  return layers === 0 ? await promise : await layered(promise, layers - 1);
}

describe('replies that arrive together', () => {
  for (const layers of [0, 2]) {
    test(`what the first half of the callers asks next is written before the rest goes on (${layers} layers)`, async () => {
      const { connection, peer } = await pair(SILENT, text);
      const first = echoes(connection);
      await asked(peer, COUNT);
      const next: Request<unknown>[] = [];
      const written: boolean[][] = [];
      const callers = first.map(async (request, index) => {
        assert.equal(await layered(request, layers), answer(index));
        next[index] = connection.createRequest('ECHO', [index]);
        written[index] = next.map((one) => one.maybeExecuted);
      });
      peer.send(answers(0, COUNT));
      await Promise.all(callers);
      const half = Array.from({ length: COUNT / 2 }, () => true);
      assert.deepEqual(written.at(-1), [...half, ...half.map(() => false)]);
      assert.deepEqual(
        written[COUNT / 2 - 1],
        half.map(() => false),
      );
      await asked(peer, COUNT * 2);
      peer.send(answers(0, COUNT));
      assert.deepEqual(
        await Promise.all(next),
        Array.from(half.concat(half), (_, index) => answer(index)),
      );
      assert.deepEqual([connection.statistics.requestsPending], [0]);
    });
  }

  test('all of them count, when the first of the callers ends the connection', async () => {
    const { connection, peer } = await pair(SILENT, text);
    const requests = echoes(connection, COUNT + 1);
    await asked(peer, COUNT + 1);
    void requests[0]?.then(() => connection.invalidate('enough'));
    const settled = Promise.allSettled(requests);
    peer.send(answers(0, COUNT));
    const outcome = await settled;
    for (const [index, one] of outcome.slice(0, COUNT).entries()) {
      assert.deepEqual(one, { status: 'fulfilled', value: answer(index) });
    }
    assert.ok((outcome.at(-1) as PromiseRejectedResult).reason instanceof ConnectionError);
  });

  test('what is broken behind the first half ends the connection, and nobody before it', async () => {
    for (const goOn of [true, false]) {
      const { connection, peer } = await pair(SILENT, text);
      const requests = echoes(connection);
      await asked(peer, COUNT);
      const later: PromiseLike<unknown>[] = [];
      const callers = requests.map(async (request) => {
        const value = await request;
        if (goOn && connection.usable) {
          later.push(connection.createRequest('ECHO', ['more']).then(null, (error: unknown) => error));
        }
        return value;
      });
      peer.send(`${answers(0, 40)}garbage\r\n`);
      const outcome = await Promise.allSettled(callers);
      for (const [index, one] of outcome.entries()) {
        if (index < 40) assert.deepEqual(one, { status: 'fulfilled', value: answer(index) });
        else assert.ok((one as PromiseRejectedResult).reason instanceof ConnectionError);
      }
      assert.ok(((outcome[50] as PromiseRejectedResult).reason as Error).cause instanceof InvalidResponse);
      assert.equal(later.length, goOn ? COUNT / 2 : 0);
      for (const error of await Promise.all(later)) assert.ok(error instanceof ConnectionError);
      assert.equal(connection.usable, false);
    }
  });

  test('a transport that hands over twice in a tick changes no order', async () => {
    class Piped extends BaseConnection {
      readonly transport: Duplex;
      constructor(location: Location, transport: Duplex) {
        super(location, text);
        this.transport = transport;
      }
      protected override openTransport(): Promise<Duplex> {
        return Promise.resolve(this.transport);
      }
    }
    const server = await scripted(SILENT);
    const [near, far] = duplexPair();
    const upstream = connect(server.port, '127.0.0.1');
    far.pipe(upstream).pipe(far);
    const connection = new Piped(new TCPLocation('127.0.0.1', server.port), near);
    await connection.run();
    const requests = echoes(connection);
    await asked(server.connections[0] as ScriptedConnection, COUNT);
    const order: unknown[] = [];
    const callers = requests.map(async (request) => {
      order.push(await request);
    });
    const bytes = Buffer.from(answers(0, COUNT));
    const cut = bytes.indexOf('60') + 1;
    near.push(bytes.subarray(0, cut));
    near.push(bytes.subarray(cut));
    await Promise.all(callers);
    assert.deepEqual(
      order,
      requests.map((_, index) => answer(index)),
    );
    await connection.close();
    upstream.destroy();
  });
});

test('a long queue is written while it grows', async () => {
  const { connection } = await pair({}, text);
  const requests = echoes(connection, 600);
  assert.equal(requests[0]?.maybeExecuted, true);
  assert.equal(requests.at(-1)?.maybeExecuted, false);
  const last = requests.findLastIndex((request) => request.maybeExecuted);
  assert.ok(requests.every((request, index) => request.maybeExecuted === index <= last));
  assert.deepEqual(
    await Promise.all(requests),
    requests.map((_, index) => String(index)),
  );
});
