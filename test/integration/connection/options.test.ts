import { DecodingError } from '../../../src/resp/decoding-error.ts';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Socket } from 'node:net';
import { coreOf } from '../../../src/connection/base-connection.ts';
import type { TCPConnectionOptions } from '../../../src/connection/connection-options.ts';
import { TCPConnection } from '../../../src/connection/tcp-connection.ts';
import { AuthenticationFailureError, ConnectionError, ResponseError } from '../../../src/errors/errors.ts';
import type { ReplyMap, ReplySet } from '../../../src/resp/reply-map.ts';
import { UserPassCredentialProvider } from '../../../src/interfaces/credential-provider.ts';
import { serverBinaries } from '../../../src/testkit/index.ts';
import { TCPLocation } from '../../../src/transport/location.ts';
import { failure, open, pair, realServer } from '../../conformance/connection/support.ts';

const server = await realServer({
  users: { alice: 'on >secret ~* &* +@all', default: 'on >root ~* &* +@all' },
});
const text = { decodeResponses: true, password: 'root' };
const info = async (options: TCPConnectionOptions): Promise<string> => {
  const connection = await open(server, { ...text, ...options });
  return String(await connection.execute('CLIENT INFO'));
};

describe('identity of a connection', () => {
  test('option username: and option password: log in', async () => {
    assert.match(await info({ username: 'alice', password: 'secret' }), / user=alice /);
    assert.match(await info({ username: null, password: 'root' }), / user=default /);
    assert.match(await info({ username: '', password: 'root' }), / user=default /);
    const wrong = new TCPConnection(server.location, { username: 'alice', password: 'root' });
    assert.equal((await failure(wrong.run(), AuthenticationFailureError)).code, 'WRONGPASS');
    const nothing = new TCPConnection(server.location, { username: '', password: '' });
    assert.ok((await failure(nothing.run(), ResponseError)).code === 'NOAUTH');
  });

  test('option username: alone logs in with an empty password', async () => {
    const { server: peer } = await pair({}, { username: 'u' });
    assert.deepEqual(peer.commands[0]?.args, ['HELLO', '3', 'AUTH', 'u', '']);
  });

  test('option credentialProvider: the provider is asked at every dial and wins over name and password', async () => {
    let asked = 0;
    const provider = {
      getCredentials: () => {
        asked++;
        return Promise.resolve({ username: 'alice', password: asked === 3 ? 'wrong' : 'secret' });
      },
    };
    const options = { credentialProvider: provider as never, username: 'nobody', password: 'none' };
    assert.match(await info(options), / user=alice /);
    assert.match(await info(options), / user=alice /);
    await failure(new TCPConnection(server.location, options).run(), AuthenticationFailureError);
    assert.equal(asked, 3);
    assert.match(
      await info({ credentialProvider: new UserPassCredentialProvider('alice', 'secret') }),
      / user=alice /,
    );
  });

  test('option credentialProvider: its failure is the cause, and no socket stays open', async () => {
    const own = new Error('vault');
    const failing = { getCredentials: () => Promise.reject(own) };
    const connection = new TCPConnection(server.location, { credentialProvider: failing as never });
    assert.equal((await failure(connection.run(), ConnectionError)).cause, own);
    await connection.waitClosed();
    const throwing = {
      getCredentials: () => {
        throw own;
      },
    };
    const other = new TCPConnection(server.location, { credentialProvider: throwing as never });
    assert.equal((await failure(other.run(), ConnectionError)).cause, own);
    for (const given of [{ username: 5, password: 6 }, { username: 'u' }, 'u:p']) {
      const odd = { getCredentials: () => Promise.resolve(given) };
      const wrong = new TCPConnection(server.location, { credentialProvider: odd as never });
      const error = await failure(wrong.run(), ConnectionError);
      assert.match(String((error.cause as Error).message), /must return \{ username, password \}/);
    }
    const none = { getCredentials: () => Promise.resolve(null) };
    const { server: peer } = await pair({}, { credentialProvider: none as never, password: 'unused' });
    assert.deepEqual(peer.commands[0]?.args, ['HELLO', '3']);
  });

  test('option clientName: the server knows the connection by it', async () => {
    assert.match(await info({ clientName: 'tester' }), / name=tester /);
    assert.match(await info({ clientName: null }), / name= /);
    for (const clientName of ['two words', 'line\nbreak', 'nul\0', 'tab\t']) {
      assert.throws(() => new TCPConnection(server.location, { clientName }), TypeError);
    }
  });

  test('option db: the handshake selects the database', async () => {
    assert.match(await info({ db: 3 }), / db=3 /);
    assert.match(await info({ db: null }), / db=0 /);
    const connection = await open(server, { ...text, db: 3 });
    assert.equal(connection.db, 3);
    assert.equal(new TCPConnection(server.location, { db: 3 }).db, 3);
    await failure(new TCPConnection(server.location, { ...text, db: 99 }).run(), ResponseError);
    for (const db of [-1, 1.5, '1', Number.NaN]) {
      assert.throws(() => new TCPConnection(server.location, { db: db as never }), TypeError);
    }
  });

  test('option resp2Replies: maps, sets, doubles and booleans have the shapes of RESP2, also in EXEC', async () => {
    const connection = await open(server, { ...text, resp2Replies: true });
    await connection.execute('HSET', 'resp2:h', 'a', 1, 'b', 2);
    await connection.execute('SADD', 'resp2:s', 'only');
    await connection.execute('ZADD', 'resp2:z', '1.5', 'm', 'inf', 'n');
    assert.deepEqual(await connection.execute('HGETALL', 'resp2:h'), ['a', '1', 'b', '2']);
    assert.deepEqual(await connection.execute('SMEMBERS', 'resp2:s'), ['only']);
    assert.equal(await connection.execute('ZSCORE', 'resp2:z', 'm'), '1.5');
    assert.equal(await connection.execute('ZINCRBY', 'resp2:z', '1e+20', 'm'), '1e+20');
    const bytes = await connection.createRequest('ZSCORE', ['resp2:z', 'n'], { decode: false });
    assert.deepEqual(bytes, Buffer.from('inf'));
    const kinds = 'redis.setresp(3); return {true, {double=0.5}, {map={k="v"}}, {set={k=true}}}';
    assert.deepEqual(await connection.execute('EVAL', kinds, 0), [1, '0.5', ['k', 'v'], ['k']]);
    await connection.execute('MULTI');
    await connection.execute('HGETALL', 'resp2:h');
    await connection.execute('ZSCORE', 'resp2:z', 'n');
    assert.deepEqual(await connection.execute('EXEC'), [['a', '1', 'b', '2'], 'inf']);
    const plain = await open(server, text);
    assert.ok((await plain.execute('HGETALL', 'resp2:h')) instanceof Map);
  });

  test('option noevict: the server shows it', async () => {
    assert.match(await info({ noevict: true }), / flags=\w*e/);
    assert.doesNotMatch(await info({ noevict: false }), / flags=\w*e/);
  });

  test('option notouch: the server shows it', async () => {
    const known = (await serverBinaries()).find(({ kind }) => kind === 'valkey');
    if (known === undefined) {
      const { server: peer } = await pair({}, { notouch: true });
      assert.ok(peer.commands.some(({ args }) => args.join(' ') === 'CLIENT NO-TOUCH ON'));
      return;
    }
    const valkey = await realServer({ binary: known.path });
    const flags = async (notouch: boolean): Promise<string> =>
      / flags=(\w+)/.exec(
        String(await (await open(valkey, { decodeResponses: true, notouch })).execute('CLIENT INFO')),
      )?.[1] ?? '';
    assert.ok((await flags(true)).includes('T'));
    assert.ok(!(await flags(false)).includes('T'));
    const named = await open(valkey, { decodeResponses: true });
    assert.match(String(await named.execute('CLIENT INFO')), / lib-name=respool lib-ver=\d/);
  });
});

describe('text', () => {
  test('option encoding: applies to arguments and replies', async () => {
    const connection = await open(server, { ...text, encoding: 'latin1' });
    await connection.execute('SET', 'enc', '\u00e9');
    assert.equal(await connection.execute('GET', 'enc'), '\u00e9');
    const bytes = await connection.createRequest('GET', ['enc'], { decode: false });
    assert.deepEqual(bytes, Buffer.from([0xe9]));
    assert.equal(connection.encoding, 'latin1');
    assert.equal((await open(server, { password: 'root', encoding: 'latin1' })).encoding, null);
    const utf8 = await open(server, text);
    await assert.rejects(async () => utf8.execute('GET', 'enc'), DecodingError);
    const lenient = await open(server, { ...text, decodeResponses: 'lenient' });
    assert.deepEqual(await lenient.execute('GET', 'enc'), Buffer.from([0xe9]), 'not valid: bytes');
    for (const encoding of ['utf-16le', 'hex', 'UTF-8', 5, null]) {
      assert.throws(() => new TCPConnection(server.location, { encoding: encoding as never }), TypeError);
    }
  });

  test('maps and sets find text by its bytes in the encoding', async () => {
    const latin1 = Buffer.from([0xe9]);
    const utf8 = Buffer.from('é');
    const own = { password: 'root', encoding: 'latin1' as const };
    const decoding = await open(server, { ...own, decodeResponses: true });
    const plain = await open(server, own);
    const other = await open(server, { password: 'root' });
    await decoding.createRequestBatch([
      { command: 'DEL', args: ['eh', 'es'] },
      { command: 'HSET', args: ['eh', 'é', 'v'] },
      { command: 'SADD', args: ['es', 'é'] },
    ]);
    const once = { decode: true, encoding: 'latin1' } as const;
    const ask = async (connection: TCPConnection, options?: object): Promise<[ReplyMap, ReplySet]> => [
      await connection.createRequest<ReplyMap>('HGETALL', ['eh'], options as never),
      await connection.createRequest<ReplySet>('SMEMBERS', ['es'], options as never),
    ];
    for (const [map, set] of [
      await ask(decoding),
      await ask(decoding, { decode: false }),
      await ask(plain),
      await ask(plain, { decode: true }),
      await ask(other, once),
      (await plain.createRequestBatch([
        { command: 'HGETALL', args: ['eh'] },
        { command: 'SMEMBERS', args: ['es'], decode: true },
      ])) as [ReplyMap, ReplySet],
    ]) {
      for (const name of ['é', latin1]) assert.deepEqual([map.has(name), set.has(name)], [true, true]);
      for (const name of ['Ã©', utf8]) assert.deepEqual([map.has(name), set.has(name)], [false, false]);
    }
    const [map, set] = await ask(other);
    assert.deepEqual(
      [map.has(latin1), map.has('é'), set.has(latin1), set.has('é')],
      [true, false, true, false],
    );
    await assert.rejects(ask(other, { encoding: 'ascii', decode: true }), DecodingError);
    const old = await open(await realServer({ args: ['--rename-command', 'HELLO', ''] }), {
      encoding: 'latin1',
    });
    await old.execute('HSET', 'eh', 'é', 'v');
    assert.deepEqual(await old.execute('HGETALL', 'eh'), [latin1, Buffer.from('v')]);
    assert.deepEqual(await old.createRequest('HGETALL', ['eh'], { decode: true }), ['é', 'v']);
  });

  test('option decodeResponses: gives strings instead of Buffers, at every depth', async () => {
    const decoding = await open(server, text);
    const plain = await open(server, { password: 'root' });
    await decoding.execute('HSET', 'h', 'f', 'v');
    assert.deepEqual([...((await decoding.execute('HGETALL', 'h')) as Map<string, string>)], [['f', 'v']]);
    const map = (await plain.execute('HGETALL', 'h')) as Map<Buffer, Buffer>;
    assert.deepEqual([...map], [[Buffer.from('f'), Buffer.from('v')]]);
    assert.deepEqual((map as unknown as Map<string, Buffer>).get('f'), Buffer.from('v'));
    assert.deepEqual(await plain.execute('PING'), Buffer.from('PONG'));
    await assert.rejects(async () => decoding.execute('ECHO', new Uint8Array([0xff])), DecodingError);
  });

  test('every type of the protocol arrives as the contract says', async () => {
    const connection = await open(server, text);
    const of = (type: string): Promise<unknown> => connection.execute('DEBUG', 'PROTOCOL', type);
    assert.equal(await of('string'), 'Hello World');
    assert.equal(await of('integer'), 12345);
    assert.equal(await of('double'), 3.141);
    assert.equal(await of('null'), null);
    assert.deepEqual(await of('array'), [0, 1, 2]);
    assert.deepEqual([...((await of('set')) as Set<number>)], [0, 1, 2]);
    assert.deepEqual(
      [...((await of('map')) as Map<number, boolean>)],
      [
        [0, false],
        [1, true],
        [2, false],
      ],
    );
    assert.equal(await of('true'), true);
    assert.equal(await of('false'), false);
    assert.equal(await of('bignum'), 1234567999999999999999999999999999999n);
    assert.equal(await of('verbatim'), 'This is a verbatim\nstring');
    assert.equal(await of('attrib'), 'Some real reply following the attribute');
    assert.equal(await connection.execute('PING'), 'PONG');
  });
});

describe('the socket', () => {
  const keepAlives = async (options: TCPConnectionOptions): Promise<unknown[][]> => {
    const calls: unknown[][] = [];
    const original = Socket.prototype.setKeepAlive;
    Socket.prototype.setKeepAlive = function (this: Socket, ...args) {
      if (this.remotePort === server.port) calls.push(args);
      return original.apply(this, args);
    };
    try {
      await open(server, { ...text, ...options });
    } finally {
      Socket.prototype.setKeepAlive = original;
    }
    return calls;
  };

  test('option socketKeepalive: is on unless it is false', async () => {
    assert.deepEqual(await keepAlives({}), [[true, 30_000]]);
    assert.deepEqual(await keepAlives({ socketKeepalive: true }), [[true, 30_000]]);
    assert.deepEqual(await keepAlives({ socketKeepalive: null }), [[true, 30_000]]);
    assert.deepEqual(await keepAlives({ socketKeepalive: false }), []);
  });

  test('option socketKeepaliveOptions: option idle is set, option interval and option count are a TypeError', async () => {
    assert.deepEqual(await keepAlives({ socketKeepaliveOptions: { idle: 5000 } }), [[true, 5000]]);
    assert.deepEqual(await keepAlives({ socketKeepaliveOptions: null }), [[true, 30_000]]);
    for (const wrong of [{ interval: 1000 }, { count: 3 }, { idle: 0 }, { nonsense: 1 }, 5]) {
      assert.throws(
        () => new TCPConnection(server.location, { socketKeepaliveOptions: wrong as never }),
        /^TypeError: socketKeepaliveOptions\b/,
      );
    }
  });

  test("Nagle's algorithm is off", async () => {
    const connection = await open(server, text);
    const socket = coreOf(connection).transport as Socket & { _handle?: object };
    assert.ok(socket instanceof Socket);
    assert.equal(socket.timeout ?? 0, 0);
  });
});

describe('figures of a connection', () => {
  test('a connection shows its address, host, port and telemetry attributes', async () => {
    const connection = await open(server, { ...text, db: 2 });
    assert.equal(connection.address, server.location.toString());
    assert.deepEqual([connection.host, connection.port], ['127.0.0.1', server.port]);
    assert.deepEqual(connection.telemetryAttributes(), {
      'db.namespace': 2,
      'network.peer.hostname': '127.0.0.1',
      'network.peer.port': server.port,
      'server.address': '127.0.0.1',
      'server.port': server.port,
    });
    const location = new TCPLocation('h', 1);
    assert.deepEqual(new TCPConnection(location).telemetryAttributes()['db.namespace'], 0);
    assert.equal('db.namespace' in new TCPConnection(location, { db: null }).telemetryAttributes(), false);
    assert.deepEqual(JSON.parse(JSON.stringify(connection)).db, 2);
  });

  test('statistics count exactly', async () => {
    const connection = new TCPConnection(server.location, text);
    const { statistics } = connection;
    assert.deepEqual(
      [statistics.rtt, statistics.ttfb, statistics.connectedAt],
      [Number.NaN, Number.NaN, null],
    );
    assert.ok(Math.abs(statistics.createdAt - Date.now()) < 5000);
    await connection.run();
    assert.ok(statistics.rtt > 0 && statistics.ttfb > 0);
    for (const at of [
      'connectedAt',
      'firstByteReceivedAt',
      'lastByteReceivedAt',
      'lastByteWrittenAt',
    ] as const) {
      assert.ok(Number.isInteger(statistics[at]) && (statistics[at] as number) >= statistics.createdAt, at);
    }
    const before = JSON.parse(JSON.stringify(statistics)) as typeof statistics;
    assert.deepEqual(
      [before.requestsCreated, before.requestsResolved],
      [3, 3],
      'HELLO and two CLIENT SETINFO',
    );
    const pings = Array.from({ length: 10 }, () => connection.createRequest('PING'));
    assert.equal(statistics.requestsPending, 10);
    await Promise.all(pings);
    assert.equal(statistics.requestsPending, 0);
    assert.equal(statistics.bytesWritten - before.bytesWritten, 140);
    assert.equal(statistics.bytesRead - before.bytesRead, 70);
    assert.equal(statistics.requestsCreated - before.requestsCreated, 10);
    assert.ok((statistics.lastRequestResolvedAt as number) >= (statistics.lastRequestCreatedAt as number));
    await connection.execute('ECHO', Buffer.alloc(100_000));
    const size = '*2\r\n$4\r\nECHO\r\n$100000\r\n\r\n'.length + 100_000;
    assert.equal(statistics.bytesWritten - before.bytesWritten, 140 + size);
    connection.createRequest('BLPOP', ['nothing', 0]);
    connection.createRequest('PING').cancel();
    connection.createRequest('PING', [], { noreply: true });
    assert.equal(statistics.requestsPending, 2);
    await connection.close();
    assert.equal(statistics.requestsPending, 0);
  });
});
