import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import DefaultRedis, {
  MaxRetriesPerRequestError,
  print,
  type Redis,
  ReplyError,
} from '../../../src/ioredis/index.ts';
import { type Methods, startWithClients } from '../../support/ioredis-clients.ts';

const { client, keep } = await startWithClients();

describe('commands', () => {
  it('commands have a method in lower case, a variant for bytes and callbacks', async () => {
    const redis = client();
    assert.equal(await redis.set!('a', 1), 'OK');
    assert.equal(await redis.get!('a'), '1');
    assert.deepEqual(await redis.getBuffer!('a'), Buffer.from('1'));
    const heard = await new Promise((resolve) => {
      void redis.incr!('a', (error: Error | null, value: unknown) => resolve([error, value]));
    });
    assert.deepEqual(heard, [null, 2]);
    assert.equal(await redis.call!('echo', 'x'), 'x');
  });

  it('the class shows the default options', () => {
    const { defaultOptions } = DefaultRedis as unknown as { defaultOptions: Record<string, unknown> };
    assert.equal(defaultOptions.port, 6379);
    assert.equal(defaultOptions.maxRetriesPerRequest, 20);
    assert.equal(new DefaultRedis({ lazyConnect: true }).options.port, defaultOptions.port);
  });

  it('print is taken for a callback', async (test) => {
    const { mock } = test.mock.method(console, 'log', () => {});
    await client().set!('shown', 1, print);
    await assert.rejects(client().incr!('shown', 2, print));
    const lines = mock.calls.map((call) => String(call.arguments[0]));
    assert.equal(lines[0], 'Reply: OK');
    assert.match(lines[1]!, /^Error: ReplyError: ERR wrong number/);
  });

  it('arrays and objects are flattened, and null becomes the empty string', async () => {
    const redis = client();
    await redis.mset!({ m1: 'a', m2: null });
    assert.deepEqual(await redis.mget!(['m1', 'm2']), ['a', '']);
    await redis.hset!('hash', new Map<string, unknown>([['f', 1]]));
    assert.deepEqual(await redis.hgetall!('hash'), { f: '1' });
  });

  it('replies have the shapes of RESP2, or of RESP3 when asked for', async () => {
    const redis = client();
    await redis.del!('z', 's');
    await redis.zadd!('z', 1.5, 'm', 'inf', 'n');
    assert.equal(await redis.zscore!('z', 'm'), '1.5');
    assert.deepEqual(await redis.zrange!('z', 0, -1, 'WITHSCORES'), ['m', '1.5', 'n', 'inf']);
    await redis.xadd!('s', '1-1', 'f', 'v');
    assert.deepEqual(await redis.xread!('STREAMS', 's', 0), [['s', [['1-1', ['f', 'v']]]]]);
    const modern = client({ replyMapping: 'resp3' });
    assert.equal(await modern.zscore!('z', 'm'), 1.5);
    assert.deepEqual(await modern.xread!('STREAMS', 's', 0), { s: [['1-1', ['f', 'v']]] });
    assert.equal(await client({ stringNumbers: true }).zcard!('z'), '2');
  });

  it('commands reject with ReplyError, which shows its arguments only when they are read', async () => {
    const redis = client();
    const error = await redis.call!('nonsense', 'secret').then(
      () => assert.fail('it was accepted'),
      (reason: ReplyError) => reason,
    );
    assert.ok(error instanceof ReplyError);
    assert.equal(error.name, 'ReplyError');
    assert.match(error.message, /^ERR unknown command/);
    assert.deepEqual(error.command, { name: 'nonsense', args: ['secret'] });
    assert.doesNotMatch(JSON.stringify(error), /secret/);
  });

  it('keyPrefix prefixes every key', async () => {
    const redis = client({ keyPrefix: 'app:' });
    await redis.mset!('one', 1, 'two', 2);
    assert.deepEqual(await client().mget!('app:one', 'app:two'), ['1', '2']);
  });
});

describe('pipelines and transactions', () => {
  it('a pipeline gives an entry for each command', async () => {
    const entries = await client()
      .pipeline([
        ['set', 'p', 1],
        ['lpush', 'p', 2],
        ['getBuffer', 'p'],
      ])
      .exec();
    const [first, second, third] = entries as unknown[][];
    assert.deepEqual(first, [null, 'OK']);
    assert.match(String(second![0]), /WRONGTYPE/);
    assert.deepEqual(third, [null, Buffer.from('1')]);
  });

  it('MULTI runs with and without a pipeline', async () => {
    const redis = client();
    const transaction = redis.multi() as unknown as {
      set(...args: unknown[]): { getBuffer(key: string): { exec(): Promise<unknown> } };
    };
    assert.deepEqual(await transaction.set('t', 'v').getBuffer('t').exec(), [
      [null, 'OK'],
      [null, Buffer.from('v')],
    ]);
    await redis.multi({ pipeline: false });
    assert.equal(await redis.get!('t'), 'QUEUED');
    assert.deepEqual(await redis.exec!(), [[null, 'v']]);
  });

  it('a transaction rejects when EXEC is refused, with the errors before it', async () => {
    const transaction = client().multi() as unknown as {
      set(...args: unknown[]): { exec(): Promise<unknown> };
    };
    await assert.rejects(
      transaction.set('only-a-key').exec(),
      (error: Error & { previousErrors: Error[] }) => {
        assert.match(error.message, /^EXECABORT/);
        assert.equal(error.previousErrors.length, 1);
        return true;
      },
    );
  });

  it('scripts are loaded where the connection has not sent them', async () => {
    const redis = client({ scripts: { both: { lua: 'return {KEYS[1], ARGV[1]}', numberOfKeys: 1 } } });
    assert.deepEqual(await redis.both!('k', 'v'), ['k', 'v']);
    await redis.script!('FLUSH');
    assert.deepEqual(await redis.both!('k', 'v'), ['k', 'v']);
    assert.deepEqual(await redis.bothBuffer!('k', 'v'), [Buffer.from('k'), Buffer.from('v')]);
  });

  it('keyPrefix prefixes the keys of scripts, whose number the definition or the call names', async () => {
    const redis = client({ keyPrefix: 'app:' });
    const lua = 'return {KEYS[1], KEYS[2], ARGV[1]}';
    redis.defineCommand('two', { lua, numberOfKeys: 2 });
    redis.defineCommand('some', { lua: `${lua} -- any` });
    for (let call = 0; call < 2; call++) {
      assert.deepEqual(await redis.two!('a', 'b', 1), ['app:a', 'app:b', '1']);
      assert.deepEqual(await redis.some!(2, ['a', 'b'], 1), ['app:a', 'app:b', '1']);
    }
    const batch = redis.pipeline() as unknown as { two(...words: unknown[]): { exec(): Promise<unknown> } };
    assert.deepEqual(await batch.two('a', 'b', 2).exec(), [[null, ['app:a', 'app:b', '2']]]);
    assert.deepEqual(await redis.pipeline([['some', 2, 'a', 'b', 'x']]).exec(), [
      [null, ['app:a', 'app:b', 'x']],
    ]);
  });

  it('the error of a refused script shows every word of it', async () => {
    const redis = client();
    redis.defineCommand('broken', { lua: 'return redis.call("lpush", KEYS[1])', numberOfKeys: 1 });
    const { sha } = redis.scriptsSet.broken!;
    await assert.rejects(redis.broken!('k'), ({ command }: ReplyError) => {
      assert.deepEqual(command, { name: 'evalsha', args: [sha, '1', 'k'] });
      return true;
    });
  });
});

describe('the connection', () => {
  it('a lost connection is dialled again, in its database, and repeats its unanswered commands', async () => {
    const redis = client({ retryStrategy: () => 10 });
    await redis.select!(3);
    const popped = redis.blpop!('queue', 0);
    const other = client({ db: 3 });
    const killed = once(redis, 'close');
    await other.client!('KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await killed;
    await once(redis, 'ready');
    await other.rpush!('queue', 'job');
    assert.deepEqual(await popped, ['queue', 'job']);
    assert.match(String(await redis.client!('INFO')), / db=3 /);
  });

  it('a command gives up after maxRetriesPerRequest, and disconnect() ends the client for good', async () => {
    const redis = client({ port: 1, retryStrategy: () => 1, maxRetriesPerRequest: 2 });
    await assert.rejects(redis.get!('a'), MaxRetriesPerRequestError);
    redis.disconnect();
    await assert.rejects(redis.get!('a'), /Connection is closed/);
  });

  it('disconnect() writes the commands of its turn first, also after a silence', async () => {
    const redis = client();
    await redis.set!('last', 1);
    const heard: Error[] = [];
    redis.on('error', (error) => heard.push(error));
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const written = redis.set!('last', 2);
    redis.disconnect();
    assert.equal(await written, 'OK');
    assert.deepEqual(heard, []);
  });

  it('messages arrive as events, also after a lost connection', async () => {
    const redis = client({ retryStrategy: () => 5 });
    const publisher = client();
    assert.equal(await redis.subscribe!('news', 'more'), 2);
    assert.equal(await redis.psubscribe!('n*'), 3);
    const message = once(redis, 'message');
    const pattern = once(redis, 'pmessage');
    assert.equal(await publisher.publish!('news', 'hello'), 2);
    assert.deepEqual(await message, ['news', 'hello']);
    assert.deepEqual(await pattern, ['n*', 'news', 'hello']);
    await publisher.client!('KILL', 'TYPE', 'pubsub');
    await once(redis, 'ready');
    const again = once(redis, 'messageBuffer');
    while ((await publisher.publish!('more', 'again')) === 0);
    assert.deepEqual(await again, [Buffer.from('more'), Buffer.from('again')]);
    assert.equal(await redis.unsubscribe!(), 1);
  });

  it('a monitor sees every command', async () => {
    const monitor = keep((await client().monitor()) as Redis & Methods);
    const seen = once(monitor, 'monitor');
    await client({ enableReadyCheck: false }).set!('seen', 1);
    assert.equal((await seen).length, 4);
    await assert.rejects(monitor.get!('a'), /monitoring mode/);
  });
});
