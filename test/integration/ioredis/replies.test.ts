import assert from 'node:assert/strict';
import { tracingChannel } from 'node:diagnostics_channel';
import { describe, it } from 'node:test';
import type { ReplyError } from '../../../src/ioredis/index.ts';
import { startWithClients } from '../../support/ioredis-clients.ts';

const { server, client } = await startWithClients();

describe('replies', () => {
  it('replies with invalid text come with replacement characters, or whole as bytes', async () => {
    const redis = client();
    await redis.set!('bytes', Buffer.from([0x61, 0xff]));
    assert.equal(await redis.get!('bytes'), 'a\ufffd');
    assert.deepEqual(await redis.getBuffer!('bytes'), Buffer.from([0x61, 0xff]));
    assert.equal(typeof (await redis.dump!('bytes')), 'string');
    assert.deepEqual(await redis.pipeline([['get', 'bytes']]).exec(), [[null, 'a\ufffd']]);
  });

  it('replyMapping resp3 keeps the pairs of RESP3', async () => {
    const modern = client({ replyMapping: 'resp3' });
    await modern.zadd!('pairs', 1, 'a', 2, 'b');
    assert.deepEqual(await modern.zrange!('pairs', 0, -1, 'WITHSCORES'), [
      ['a', 1],
      ['b', 2],
    ]);
    const [[, pairs]] = (await modern.pipeline([['zrange', 'pairs', 0, -1, 'WITHSCORES']]).exec()) as [
      [null, unknown],
    ];
    assert.deepEqual(pairs, [
      ['a', 1],
      ['b', 2],
    ]);
  });

  it('patterns of SORT get the prefix of keys', async () => {
    const redis = client({ keyPrefix: 'app:' });
    await redis.rpush!('ids', 1, 2);
    await redis.mset!('weight_1', 9, 'weight_2', 3, 'name_1', 'ada', 'name_2', 'bob');
    assert.deepEqual(await redis.sort!('ids', 'BY', 'weight_*', 'GET', 'name_*', 'GET', '#'), [
      'bob',
      '2',
      'ada',
      '1',
    ]);
  });

  it('showFriendlyErrorStack puts the place of the call into error replies', async () => {
    const redis = client({ showFriendlyErrorStack: true });
    await assert.rejects(redis.get!(), ({ stack = '' }: Error) => {
      assert.match(stack.split('\n')[0]!, /^ReplyError: ERR wrong number/);
      assert.match(stack.split('\n')[1]!, /replies\.test/);
      return true;
    });
  });
});

describe('reconnectOnError', () => {
  const strategy = (verdict: number) => ({
    retryStrategy: () => 1,
    reconnectOnError: (error: Error) => (/WRONGTYPE/.test(error.message) ? verdict : false),
  });

  it('reconnectOnError 2 sends a refused command of a pipeline once more, on a new connection', async () => {
    const mender = client();
    await mender.set!('kind', 'text');
    let dials = 0;
    const redis = client({
      ...strategy(2),
      reconnectOnError: () => {
        void mender.del!('kind');
        return 2;
      },
    });
    redis.on('connect', () => dials++);
    const entries = await redis
      .pipeline([
        ['get', 'kind'],
        ['sadd', 'kind', 'a'],
      ])
      .exec();
    assert.deepEqual(entries, [
      [null, 'text'],
      [null, 1],
    ]);
    assert.equal(dials, 2);
  });

  it('reconnectOnError 2 gives up a refused part of a transaction, because it must not run without the rest', async () => {
    const redis = client({
      retryStrategy: () => 1,
      reconnectOnError: (error: Error) => (/wrong number/.test(error.message) ? 2 : false),
    });
    const transaction = redis.multi([['get'], ['set', 'kept', 1]]) as { exec(): Promise<unknown> };
    await assert.rejects(transaction.exec(), (error: ReplyError & { previousErrors: Error[] }) => {
      assert.match(error.message, /EXECABORT|aborted/);
      assert.equal(error.previousErrors[0]!.name, 'AbortError');
      return true;
    });
    assert.equal(await redis.exists!('kept'), 0);
  });
});

describe('the channels of ioredis', () => {
  interface Seen {
    event: string;
    command?: string;
    args?: string[];
    batchSize?: number;
    serverPort?: number;
  }
  async function listened(name: string, run: () => Promise<unknown>): Promise<Seen[]> {
    const seen: Seen[] = [];
    const channel = tracingChannel(name);
    const hear = (event: string) => (context: unknown) => void seen.push({ event, ...(context as object) });
    const handlers = {
      start: hear('start'),
      end: () => {},
      asyncStart: () => {},
      asyncEnd: hear('asyncEnd'),
      error: hear('error'),
    };
    channel.subscribe(handlers);
    try {
      await run();
    } finally {
      channel.unsubscribe(handlers);
    }
    return seen;
  }

  it('ioredis:command reports each command once, with its keys and without its other arguments', async () => {
    const seen = await listened('ioredis:command', async () => {
      const redis = client({ lazyConnect: true });
      await redis.set!('shown', 'secret');
      await assert.rejects(redis.lpush!('shown', 'secret'));
      await redis.pipeline([['get', 'shown']]).exec();
    });
    assert.deepEqual(
      seen.filter(({ event }) => event === 'start').map(({ command, args }) => [command, args]),
      [
        ['set', ['shown', '?']],
        ['lpush', ['shown', '?']],
        ['get', ['shown']],
      ],
    );
    assert.deepEqual(
      seen.filter(({ event }) => event === 'error').map(({ command }) => command),
      ['lpush'],
    );
    assert.doesNotMatch(JSON.stringify(seen.map(({ args }) => args)), /secret/);
  });

  it('ioredis:batch and ioredis:connect report transactions and dials', async () => {
    const batches = await listened('ioredis:batch', async () => {
      await (
        client().multi([
          ['get', 'a'],
          ['get', 'b'],
        ]) as { exec(): Promise<unknown> }
      ).exec();
    });
    assert.deepEqual(
      batches.map(({ event, batchSize }) => [event, batchSize]),
      [
        ['start', 2],
        ['asyncEnd', 2],
      ],
    );
    const dials = await listened('ioredis:connect', () => client({ lazyConnect: true }).connect());
    assert.deepEqual(
      dials.map(({ event, serverPort }) => [event, serverPort]),
      [
        ['start', server.location.port],
        ['asyncEnd', server.location.port],
      ],
    );
  });
});
