import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import * as errors from '../../../src/errors/errors.ts';
import { normalizeConnectionOptions } from '../../../src/connection/connection-options.ts';
import { TCPConnection } from '../../../src/connection/tcp-connection.ts';
import { reply } from '../../../src/testkit/index.ts';
import { failure, open, outcome, pair, realServer, scripted, wait } from './support.ts';

const text = { decodeResponses: true };
const {
  AskError,
  AuthenticationError,
  BusyLoadingError,
  ConnectionError,
  MovedError,
  ProtocolError,
  RedisClusterError,
  RedisError,
  ResponseError,
  UnknownCommandError,
} = errors;

describe('an error reply', () => {
  for (const [line, type, code] of [
    ['ASK 5 127.0.0.1:7001', errors.AskError, 'ASK'],
    ['MOVED 5 127.0.0.1:7001', errors.MovedError, 'MOVED'],
    ['BUSYGROUP Consumer Group name already exists', errors.StreamDuplicateConsumerGroupError, 'BUSYGROUP'],
    ['CLUSTERDOWN The cluster is down', errors.ClusterDownError, 'CLUSTERDOWN'],
    ["CROSSSLOT Keys in request don't hash to the same slot", errors.ClusterCrossSlotError, 'CROSSSLOT'],
    ['ERR max number of clients reached', errors.ConnectionError, 'ERR'],
    ["ERR unknown command 'FOO', with args beginning with: 'x' ", errors.UnknownCommandError, 'ERR'],
    ['ERR anything else', errors.ResponseError, 'ERR'],
    ['EXECABORT Transaction discarded', errors.ExecAbortError, 'EXECABORT'],
    ['LOADING Redis is loading', errors.BusyLoadingError, 'LOADING'],
    ['NOSCRIPT No matching script', errors.NoScriptError, 'NOSCRIPT'],
    ['NOAUTH Authentication required.', errors.AuthenticationRequiredError, 'NOAUTH'],
    ['WRONGPASS invalid', errors.AuthenticationFailureError, 'WRONGPASS'],
    ['NOPERM no', errors.AuthorizationError, 'NOPERM'],
    ['NOPROTO unsupported', errors.ProtocolError, 'NOPROTO'],
    ['NOGROUP no such group', errors.StreamConsumerGroupError, 'NOGROUP'],
    ['NOKEY', errors.NoKeyError, 'NOKEY'],
    ['NOTBUSY No scripts', errors.NotBusyError, 'NOTBUSY'],
    ['READONLY replica', errors.ReadOnlyError, 'READONLY'],
    ['TRYAGAIN later', errors.TryAgainError, 'TRYAGAIN'],
    ['UNBLOCKED client', errors.UnblockedError, 'UNBLOCKED'],
    ['WRONGTYPE Operation', errors.WrongTypeError, 'WRONGTYPE'],
    ['OOM command not allowed', errors.ResponseError, 'OOM'],
    ['BUSY script', errors.ResponseError, 'BUSY'],
    ['MASTERDOWN link', errors.ResponseError, 'MASTERDOWN'],
    ['MOVED __proto__ h:p', errors.ResponseError, 'MOVED'],
    ['ASK 5 nonsense', errors.ResponseError, 'ASK'],
  ] as const) {
    test(`${line.slice(0, 40)} is a ${type.name} and leaves the connection usable`, async () => {
      const { connection, server } = await pair({ GET: reply.error(line) }, text);
      const error = await failure(connection.createRequest('GET', ['k']), type as typeof RedisError);
      assert.equal(error.name, type.name);
      assert.equal(error.constructor, type);
      assert.equal(error.code, code);
      assert.equal(error.message, line.replace(/, with args.*/, ''));
      assert.equal(error.endpoint, server.location.toString());
      if (type !== UnknownCommandError) assert.equal(error.command, 'GET');
      assert.equal(await connection.execute('PING'), 'PONG');
      assert.equal(connection.reusable, true);
    });
  }

  test('an error has a code only where its first word looks like one', async () => {
    const { connection } = await pair({ EVAL: ([, line = '']) => reply.error(line) }, text);
    for (const [line, code] of [
      ['SEARCH_TIMEOUT it took too long', 'SEARCH_TIMEOUT'],
      ['AKIA1OSFODNN7EXAMPLE was refused', 'ERR'],
      ['NO good', 'ERR'],
      ['_ABC no', 'ERR'],
      ['Oops no', 'ERR'],
      [`${'A'.repeat(40)} no`, 'ERR'],
    ] as const) {
      const error = await failure(connection.createRequest('EVAL', [line, 0]), ResponseError);
      assert.deepEqual([error.code, error.message], [code, line]);
    }
  });

  test('an error inside an aggregate is a value, at any depth, and so is one with raiseExceptions: false', async () => {
    const nested = reply.array(
      reply.array(reply.error('WRONGTYPE x')),
      reply.map([reply.bulk('k'), reply.error('ERR y')]),
    );
    const { connection } = await pair({ EXEC: nested }, text);
    const [[one], map] = (await connection.execute('EXEC')) as [[unknown], Map<string, unknown>];
    assert.ok(one instanceof errors.WrongTypeError);
    assert.ok(map.get('k') instanceof ResponseError);
  });

  test('an error of invalid text, or with the name of a prototype, harms nothing', async () => {
    const connection = await open(await realServer(), text);
    const error = await failure(connection.createRequest(Buffer.from([0xff, 0xfe])), UnknownCommandError);
    assert.ok(error instanceof ResponseError);
    await failure(connection.createRequest('__proto__'), UnknownCommandError);
    await failure(connection.createRequest('constructor'), UnknownCommandError);
    assert.equal(await connection.execute('PING'), 'PONG');
    assert.equal(
      (await failure(connection.createRequest('NOSUCH', ['x']), UnknownCommandError)).command,
      'NOSUCH',
    );
  });
});

describe('a lost connection', () => {
  test('a loss tells each request whether it may have been executed, with one cause', async () => {
    const { connection, peer } = await pair({ GET: null }, text);
    const written = [connection.createRequest('GET', ['a']), connection.createRequest('GET', ['b'])];
    await wait(10);
    peer.reset();
    const [one, two] = [
      await failure(written[0] as PromiseLike<unknown>, ConnectionError),
      await failure(written[1] as PromiseLike<unknown>, ConnectionError),
    ];
    assert.notEqual(one, two);
    assert.equal(one.cause, two.cause);
    assert.deepEqual([one.maybeExecuted, one.command, one.code], [true, 'GET', 'RESPOOL_CONNECTION']);
    assert.match(String((one.cause as Error).cause), /ECONNRESET/);
    assert.equal(connection.transportHealthy, false);
    assert.throws(
      () => connection.createRequest('PING'),
      (error) => error instanceof ConnectionError && error.cause === one.cause,
    );
  });

  test('invalidate ends the connection at once, once, and with its reason', async () => {
    const { connection } = await pair({ GET: null }, text);
    const written = connection.createRequest('GET', ['a']);
    await wait(5);
    const unsent = connection.createRequest('GET', ['b']);
    connection.invalidate('the reason');
    assert.deepEqual(
      [connection.usable, connection.reusable, connection.transportHealthy, connection.closed],
      [false, false, false, true],
    );
    connection.invalidate('another');
    const [one, two] = [await failure(written, ConnectionError), await failure(unsent, ConnectionError)];
    assert.match(one.message, /the reason/);
    assert.match(two.message, /the reason/);
    assert.deepEqual([one.maybeExecuted, two.maybeExecuted], [true, false]);
    assert.deepEqual([written.maybeExecuted, unsent.maybeExecuted], [true, false]);
    await Promise.all([connection.waitClosed(), connection.close(), connection.close()]);
    assert.equal(connection.statistics.requestsPending, 0);
  });

  test('a request that is awaited only after the loss rejects with it', async () => {
    const { connection, peer } = await pair({ GET: null }, text);
    const request = connection.createRequest('GET', ['a']);
    peer.reset();
    await connection.waitClosed();
    await failure(request, ConnectionError);
  });

  test('waitClosed keeps its limits and closes nothing', async () => {
    const { connection } = await pair();
    const error = await failure(connection.waitClosed({ timeout: 10 }), errors.TimeoutError);
    assert.ok(error instanceof RedisError);
    const controller = new AbortController();
    const waiting = connection.waitClosed({ signal: controller.signal });
    controller.abort('enough');
    assert.deepEqual(await outcome(waiting), { error: 'enough' });
    assert.equal(connection.usable, true);
    await assert.rejects(connection.waitClosed({ tiemout: 1 } as never), TypeError);
  });
});

describe('error classes', () => {
  test('instanceof holds across two copies of the package, and for two bases', async () => {
    const path = new URL('../../../src/errors/errors.js', import.meta.url).href;
    const copy = (await import(`${path}?copy=1`)) as typeof errors;
    assert.notEqual(copy.RedisError, RedisError);
    const moved = new copy.MovedError('x', { slotId: 1, host: 'h', port: 1 });
    for (const type of [MovedError, AskError, RedisClusterError, ResponseError, RedisError, Error]) {
      assert.ok(moved instanceof type, type.name);
    }
    assert.ok(!(moved instanceof ConnectionError));
    const invalid = new InvalidCopy(copy);
    assert.ok(invalid.error instanceof ProtocolError && invalid.error instanceof ConnectionError);
    assert.ok(new copy.AuthenticationFailureError('x') instanceof AuthenticationError);
    assert.ok(new BusyLoadingError('x') instanceof copy.ConnectionError);
    assert.ok(!(new Error('x') instanceof RedisError));
    assert.ok(!((null as unknown) instanceof RedisError));
    assert.ok(!(new TypeError('x') instanceof copy.RedisError));
  });
});

class InvalidCopy {
  readonly error: Error;
  constructor(copy: typeof errors) {
    this.error = new copy.InvalidResponse('x');
  }
}

describe('secrets', () => {
  const canary = 'c4n4ry-s3cr3t';
  const shown = (value: unknown): string => {
    const parts = [inspect(value, { depth: 10, showHidden: true })];
    try {
      parts.push(String(value), JSON.stringify(value) ?? '');
    } catch {
      // A value without a text form shows nothing.
    }
    for (let error = value; error instanceof Error; error = error.cause) {
      parts.push(error.message, error.stack ?? '', JSON.stringify({ ...error }));
    }
    return parts.join('\n');
  };
  const hides = (value: unknown, what: string): void => assert.ok(!shown(value).includes(canary), what);

  test('passwords and arguments stay out of connections, options, requests, batches and errors', async () => {
    const server = await realServer({ users: { alice: `on >${canary} ~* &* +@all` } });
    const connection = await open(server, { ...text, username: 'alice', password: canary });
    hides(connection, 'connection');
    hides(connection.statistics, 'statistics');
    hides(normalizeConnectionOptions({ password: canary, username: 'alice' }), 'options');
    const request = connection.createRequest('ECHO', [canary]);
    hides(request, 'request');
    const batch = connection.createRequestBatch([{ command: 'ECHO', args: [canary] }]);
    hides(batch, 'batch');
    await request;
    await batch;
    hides(request, 'settled request');
    const failing: [string, ...string[]][] = [
      ['NOSUCH', canary, canary],
      ['NOSUCH', `a ${canary}`],
      ['ACL', 'SETUSER', 'bob', `>${canary}`, `x${canary}`],
      ['ACL SETUSER', 'bob', `!${canary}`],
      ['AUTH', 'alice', `${canary}!`],
      ['HELLO', '3', 'AUTH', 'alice', `${canary}!`],
      ['CONFIG', 'SET', 'requirepass', canary, 'nosuch', canary],
      ['SET', 'k', 'v', canary],
      ['INCRBY', 'k', canary],
      ['MIGRATE', '127.0.0.1', '1', '', '0', '1', 'AUTH2', 'alice', canary, 'KEYS', canary],
    ];
    for (const [command, ...args] of failing) {
      const result = await outcome(connection.createRequest(command, args));
      hides('error' in result ? result.error : result.value, `${command} ${args[0]}`);
    }
    const late = connection.createRequest('BLPOP', [canary, 0], { timeout: 10 });
    hides((await failure(late, errors.TimeoutError)) as Error, 'time-out');
    const lost = connection.createRequest('BLPOP', [canary, 0]);
    await wait(5);
    connection.invalidate('why');
    hides(await failure(lost, ConnectionError), 'loss');
    hides(connection, 'closed connection');
  });

  test('the error of a failed dial does not show the password', async () => {
    for (const script of [
      { HELLO: reply.error('WRONGPASS invalid username-password pair or user is disabled.') },
      { HELLO: 'HTTP/1.1 400 Bad Request\r\n\r\n' },
      { HELLO: null },
    ]) {
      const server = await scripted(script);
      const connection = new TCPConnection(server.location, {
        password: canary,
        username: canary,
        connectTimeout: 30,
      });
      hides(await failure(connection.run(), RedisError), 'dial');
      hides(connection, 'connection');
    }
    const server = await scripted();
    const provider = { getCredentials: () => Promise.resolve({ username: canary, password: { canary } }) };
    const wrong = new TCPConnection(server.location, { credentialProvider: provider as never });
    hides(await failure(wrong.run(), ConnectionError), 'a provider that gives something else');
    assert.throws(
      () => new TCPConnection(server.location, { password: { secret: canary } } as never),
      (error) => {
        hides(error, 'bad password option');
        return error instanceof TypeError;
      },
    );
  });

  test('the error of a wrong argument does not show it', async () => {
    const { connection } = await pair();
    for (const value of [{ canary }, [canary], Symbol(canary)]) {
      assert.throws(
        () => connection.createRequest('SET', ['k', value as never]),
        (error) => {
          hides(error, 'argument');
          return error instanceof TypeError;
        },
      );
    }
  });
});
