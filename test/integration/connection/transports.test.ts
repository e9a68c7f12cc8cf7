import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { Duplex } from 'node:stream';
import { describe, test } from 'node:test';
import { AnsweringDuplex } from './answering-duplex.ts';
import { duplexPair } from './duplex-pair.ts';
import { BaseConnection } from '../../../src/connection/base-connection.ts';
import type { BaseConnectionOptions } from '../../../src/connection/connection-options.ts';
import { TCPConnection } from '../../../src/connection/tcp-connection.ts';
import { UnixDomainSocketConnection } from '../../../src/connection/unix-domain-socket-connection.ts';
import { ConnectionError, RedisError } from '../../../src/errors/errors.ts';
import {
  ClusterNodeLocation,
  Location,
  TCPLocation,
  UnixDomainSocketLocation,
} from '../../../src/transport/location.ts';
import {
  eventually,
  failure,
  open,
  outcome,
  realServer,
  scripted,
  take,
  wait,
} from '../../conformance/connection/support.ts';

const text = { decodeResponses: true };

describe('TLS', () => {
  test('option sslContext: the connection uses TLS with it, and verifies the server', async () => {
    const server = await realServer({ tls: true });
    const ca = server.tls?.ca as string;
    const connection = await open(server, { ...text, sslContext: { ca } });
    assert.equal(
      await connection.execute('ECHO', 'x'.repeat(300_000)).then((value) => String(value).length),
      300_000,
    );
    assert.equal(connection.address, server.location.toString());
    await connection.close();
    for (const sslContext of [{}, { ca: server.tls?.otherCa }, undefined, null]) {
      const refused = new TCPConnection(server.location, { sslContext, connectTimeout: 2000 });
      await failure(refused.run(), ConnectionError);
    }
  });

  test('option sslContext: a function is asked at every dial', async () => {
    const server = await scripted({}, { tls: true });
    let asked = 0;
    const sslContext = async (): Promise<{ ca: string }> => {
      asked++;
      await wait(1);
      return { ca: asked === 2 ? (server.tls?.otherCa as string) : (server.tls?.ca as string) };
    };
    assert.equal(await (await open(server, { ...text, sslContext })).execute('PING'), 'PONG');
    await failure(new TCPConnection(server.location, { sslContext }).run(), ConnectionError);
    await open(server, { ...text, sslContext });
    assert.equal(asked, 3);
    const own = new Error('no certificates');
    const failing = new TCPConnection(server.location, { sslContext: () => Promise.reject(own) });
    assert.equal((await failure(failing.run(), ConnectionError)).cause, own);
    for (const given of [undefined, null, 'x']) {
      const wrong = new TCPConnection(server.location, { sslContext: (() => given) as never });
      const { cause } = await failure(wrong.run(), ConnectionError);
      assert.ok(cause instanceof TypeError);
      assert.match(
        cause.message,
        /^sslContext must return TLS options; it returned (undefined|null|string)$/,
      );
    }
  });

  for (const [what, certificate, code] of [
    ['an authority nobody trusts', 'other-ca', /UNABLE_TO_VERIFY|SELF_SIGNED/],
    ['another host', 'wrong-host', /ALTNAME/],
    ['the past', 'expired', /EXPIRED/],
  ] as const) {
    test(`a certificate of ${what} is refused before anything is sent`, async () => {
      const server = await scripted({}, { tls: { certificate } });
      const connection = new TCPConnection(server.location, {
        password: 'p',
        sslContext: { ca: server.tls?.ca },
      });
      const error = await failure(connection.run(), ConnectionError);
      assert.match(String((error.cause as NodeJS.ErrnoException).code), code);
      await wait(20);
      assert.equal(server.commands.length, 0);
    });
  }

  test('a missing client certificate fails the dial, not the first command', async () => {
    const server = await realServer({ tls: { mutual: true } });
    const {
      ca,
      clientCert: cert,
      clientKey: key,
      otherClientCert,
      otherClientKey,
    } = server.tls as NonNullable<typeof server.tls>;
    const connection = await open(server, { ...text, sslContext: { ca, cert, key } });
    assert.equal(await connection.execute('PING'), 'PONG');
    for (const sslContext of [{ ca }, { ca, cert: otherClientCert, key: otherClientKey }]) {
      for (let round = 0; round < 10; round++) {
        const refused = new TCPConnection(server.location, { sslContext, connectTimeout: 3000 });
        await failure(refused.run(), ConnectionError);
        assert.equal(refused.usable, false);
      }
    }
  });

  test('TLS verifies the name of the cluster node', async () => {
    const server = await scripted({}, { tls: { names: ['node.example'] } });
    const sslContext = { ca: server.tls?.ca };
    await failure(new TCPConnection(server.location, { sslContext }).run(), ConnectionError);
    const node = { nodeId: 'n', serverType: 'primary', hostname: 'node.example' } as const;
    const named = new TCPConnection(new ClusterNodeLocation('127.0.0.1', server.port, node), { sslContext });
    await named.run();
    await named.close();
  });

  test('a server that speaks no TLS, or only TLS, is a ConnectionError', async () => {
    const plain = await scripted();
    const secure = await scripted({}, { tls: true });
    await failure(
      new TCPConnection(plain.location, { sslContext: {}, connectTimeout: 1000 }).run(),
      ConnectionError,
    );
    await failure(new TCPConnection(secure.location, { connectTimeout: 1000 }).run(), ConnectionError);
  });
});

describe('Unix sockets', () => {
  test('Unix sockets carry every kind of request, and are found by their path', async () => {
    const server = await realServer({ unixSocket: true });
    const location = server.unixLocation as UnixDomainSocketLocation;
    const connection = new UnixDomainSocketConnection(location, { ...text, db: 1 });
    await connection.run();
    assert.equal(await connection.execute('ECHO', 'x'), 'x');
    assert.deepEqual([connection.path, connection.address, connection.db], [location.path, location.path, 1]);
    assert.equal(String(connection), `UnixDomainSocketConnection<path=${location.path},db=1>`);
    assert.deepEqual(connection.telemetryAttributes(), {
      'db.namespace': 1,
      'network.peer.hostname': location.path,
      'server.address': location.path,
    });
    await connection.close();
    const missing = new UnixDomainSocketConnection(new UnixDomainSocketLocation('/tmp/no/such.sock'));
    const error = await failure(missing.run(), ConnectionError);
    assert.equal((error.cause as NodeJS.ErrnoException).code, 'ENOENT');
  });

  test('a connection over a Unix socket refuses TLS and a location of another kind', () => {
    const location = new UnixDomainSocketLocation('/tmp/x.sock');
    assert.throws(() => new UnixDomainSocketConnection(location, { sslContext: {} }), TypeError);
    assert.throws(() => new UnixDomainSocketConnection(new TCPLocation('h', 1)), TypeError);
    assert.throws(() => new TCPConnection(location), TypeError);
  });
});

class Nowhere extends Location {
  check(): Promise<boolean> {
    return Promise.resolve(true);
  }
  toString(): string {
    return 'nowhere';
  }
}

interface OwnOptions extends BaseConnectionOptions {
  flavour?: string;
}

class OwnConnection extends BaseConnection {
  readonly flavour: string;
  readonly #open: (signal: AbortSignal) => Promise<Duplex>;

  constructor(
    location: Location,
    options: OwnOptions | undefined,
    opener: (signal: AbortSignal) => Promise<Duplex>,
  ) {
    super(location, options);
    this.flavour = options?.flavour ?? 'plain';
    this.#open = opener;
  }
  protected override openTransport(signal: AbortSignal): Promise<Duplex> {
    return this.#open(signal);
  }
}

describe("a connection class of the user's own", () => {
  for (const given of [undefined, null, {}, 'x', { on() {}, destroy() {} }]) {
    test(`a custom transport that is no duplex (${JSON.stringify(given)}) fails, and is closed`, async () => {
      const opener = async (): Promise<Duplex> => given as unknown as Duplex;
      const connection = new OwnConnection(new TCPLocation('127.0.0.1', 1), text, opener);
      const error = await failure(connection.run(), ConnectionError);
      assert.ok(error.cause instanceof TypeError);
      assert.match(error.cause.message, /openTransport must return a Duplex/);
      await connection.waitClosed({ timeout: 5_000 });
      assert.equal(connection.closed, true);
    });
  }

  test('a late value that is not a Duplex does no harm', async () => {
    let resolve!: (given: Duplex) => void;
    const opener = (): Promise<Duplex> => new Promise((yes) => (resolve = yes));
    const connection = new OwnConnection(new TCPLocation('127.0.0.1', 1), { connectTimeout: 10 }, opener);
    await failure(connection.run(), ConnectionError);
    resolve({} as Duplex);
    await wait(5);
    await connection.waitClosed({ timeout: 5_000 });
  });

  test('a custom class supplies any duplex, and has options of its own', async () => {
    const server = await realServer();
    const opener = (): Promise<Duplex> =>
      new Promise((resolve, reject) => {
        const socket = connect(server.port, '127.0.0.1', () => resolve(socket));
        socket.on('error', reject);
      });
    const connection = new OwnConnection(server.location, { ...text, flavour: 'sweet', db: 1 }, opener);
    await connection.run();
    assert.deepEqual([connection.flavour, connection.db, connection.reusable], ['sweet', 1, true]);
    assert.equal(
      await connection.execute('ECHO', 'x'.repeat(1_000_000)).then((value) => String(value).length),
      1e6,
    );
    connection.sendCommand('SUBSCRIBE', ['a']);
    assert.deepEqual(await take(connection.pushMessages, 1), [['subscribe', 'a', 1]]);
    await connection.close();
    assert.throws(() => new OwnConnection(server.location, { streamTimeout: -1 }, opener), TypeError);
    assert.equal(String(connection), `OwnConnection<${server.location},db=1>`);
  });

  test('a custom class may speak over a duplex that is not a socket', async () => {
    const server = await scripted();
    const [near, far] = duplexPair();
    const upstream = connect(server.port, '127.0.0.1');
    far.pipe(upstream).pipe(far);
    const connection = new OwnConnection(new Nowhere(), text, () => Promise.resolve(near));
    await connection.run();
    assert.equal(connection.address, 'nowhere');
    const words = Array.from({ length: 1000 }, (_, index) => connection.createRequest('ECHO', [index]));
    assert.deepEqual(
      await Promise.all(words),
      words.map((_, index) => String(index)),
    );
    assert.equal(await connection.execute('ECHO', 'é'.repeat(500_000)), 'é'.repeat(500_000));
    near.destroy(new Error('gone'));
    await connection.waitClosed();
    assert.throws(() => connection.createRequest('PING'), ConnectionError);
    upstream.destroy();
  });

  test('a custom class that ignores its signal leaks nothing', async () => {
    const server = await scripted();
    const late: Duplex[] = [];
    const opener = async (): Promise<Duplex> => {
      await wait(60);
      const socket = connect(server.port, '127.0.0.1');
      late.push(socket);
      await new Promise((resolve) => socket.once('connect', resolve));
      return socket;
    };
    const timed = new OwnConnection(server.location, { connectTimeout: 10 }, opener);
    await failure(timed.run(), ConnectionError);
    const closed = new OwnConnection(server.location, {}, opener);
    const running = closed.run();
    closed.invalidate();
    await failure(running, ConnectionError);
    await closed.waitClosed();
    await eventually(
      () => late.length === 2 && late.every((socket) => socket.destroyed),
      'both are destroyed',
    );
  });

  test('a custom class that fails in any way is a ConnectionError with that as its cause', async () => {
    const own = new Error('mine');
    const ways: ((signal: AbortSignal) => Promise<Duplex>)[] = [
      () => Promise.reject(own),
      () => {
        throw own;
      },
    ];
    for (const way of ways) {
      const error = await failure(new OwnConnection(new Nowhere(), {}, way).run(), ConnectionError);
      assert.equal(error.cause, own);
      assert.match(error.message, /nowhere/);
    }
    const nothing = new OwnConnection(new Nowhere(), {}, () => Promise.resolve(undefined as never));
    await failure(nothing.run(), ConnectionError);
    const dead = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
    dead.destroy();
    const destroyed = new OwnConnection(new Nowhere(), {}, () => Promise.resolve(dead));
    await failure(destroyed.run(), ConnectionError);
    await destroyed.waitClosed({ timeout: 1000 });
  });

  test('a transport that throws in write fails the written requests, and nothing else', async () => {
    const server = await scripted();
    let broken = false;
    const opener = (): Promise<Duplex> =>
      new Promise((resolve) => {
        const socket = connect(server.port, '127.0.0.1', () => {
          const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
          socket.write = ((...args: unknown[]) => {
            if (broken) throw new Error('no more');
            return write(...args);
          }) as never;
          resolve(socket);
        });
      });
    const connection = new OwnConnection(server.location, text, opener);
    await connection.run();
    broken = true;
    const requests = [
      connection.createRequest('PING'),
      connection.createRequest('PING', [], { noreply: true }),
      connection.createRequest('ECHO', [Buffer.alloc(5000)]),
      connection.createRequest('PING'),
    ];
    const results = await Promise.all(requests.map((request) => outcome(request)));
    assert.ok(results.every((result) => 'error' in result && result.error instanceof RedisError));
    assert.equal(connection.statistics.requestsPending, 0);
  });

  for (const size of [10, 2_000, 40_000, 600_000]) {
    test(`a transport may answer in the middle of a write: ${size} bytes`, async () => {
      const peer = new AnsweringDuplex();
      const connection = await peer.connect();
      const replies: PromiseLike<unknown>[] = [];
      const expected: unknown[] = [];
      const ask = (command: string, argument: string | Buffer, answer: unknown): void => {
        replies.push(connection.createRequest(command, [argument]));
        expected.push(answer);
      };
      for (let index = 0; index < (size > 10_000 ? 20 : 600); index++) {
        ask('ECHO', `a${index}`, `a${index}`);
        ask('STRLEN', Buffer.alloc(size + index, 'x'), size + index);
        if (index % 7 === 0) connection.createRequest('SET', ['k', index], { noreply: true });
      }
      const early = connection.createRequest('ECHO', ['given up']);
      early.cancel();
      await failure(early, RedisError);
      assert.deepEqual(await Promise.all(replies), expected);
      assert.equal(connection.statistics.requestsPending, 0);
      assert.equal(connection.reusable, true);
      await connection.close();
    });
  }

  test('session changes are counted in their order when a transport answers in the middle of a write', async () => {
    const connection = await new AnsweringDuplex().connect();
    const select = connection.createRequest('SELECT', [1], { noreply: true });
    await Promise.all([select, connection.execute('SELECT', 0)]);
    assert.deepEqual([connection.db, connection.reusable], [0, true]);
  });

  for (const [title, act] of [
    ['fails', (peer) => peer.destroy(new Error('broken'))],
    ['ends', (peer) => peer.emit('end')],
    ['is closed', (_, connection) => void connection.invalidate('broken')],
    [
      'answers what cannot be read',
      (peer) => {
        peer.push('?');
      },
    ],
  ] as const satisfies readonly (readonly [
    string,
    (peer: AnsweringDuplex, connection: BaseConnection) => void,
  ])[]) {
    for (const count of [4, 600]) {
      test(`a transport that ${title} in the middle of a write fails the rest of ${count} commands`, async () => {
        const peer = new AnsweringDuplex();
        const connection = await peer.connect();
        peer.onCommand = (name) => {
          if (name === 'BREAK') act(peer, connection);
        };
        const before = connection.createRequest('STRLEN', [Buffer.alloc(40_000)]);
        const breaking = connection.createRequest('BREAK', [Buffer.alloc(40_000)]);
        const silent = connection.createRequest('SET', ['k', 1], { noreply: true });
        const after = Array.from({ length: count }, (_, index) =>
          connection.createRequest('STRLEN', [index % 2 === 0 ? Buffer.alloc(40_000) : 'x']),
        );
        assert.deepEqual(await outcome(before), { value: 40_000 });
        for (const request of [breaking, silent, ...after]) await outcome(request);
        await failure(after.at(-1) as PromiseLike<unknown>, RedisError);
        assert.equal(connection.usable, false);
        await connection.waitClosed({ timeout: 5_000 });
        assert.equal(connection.statistics.requestsPending, 0);
      });
    }
  }

  for (const end of ['close', 'invalidate', 'destroy', 'late'] as const) {
    test(`a transport that never emits close is closed all the same: ${end}`, async () => {
      const peer = new AnsweringDuplex({ emitClose: false });
      if (end === 'late') peer._destroy = (_, done) => void setTimeout(done, 30);
      const connection = await peer.connect();
      const waiting = connection.waitClosed();
      if (end === 'destroy') peer.destroy(new Error('broken'));
      else if (end === 'invalidate') connection.invalidate();
      else assert.deepEqual(await outcome(connection.close(), 5_000), { value: undefined });
      assert.deepEqual(await outcome(waiting, 5_000), { value: undefined });
      assert.equal(peer.closed, true);
    });
  }

  test('a transport may deliver text in an encoding of its own', async () => {
    const peer = new AnsweringDuplex();
    peer.setEncoding('latin1');
    const connection = await peer.connect();
    assert.equal(await connection.execute('ECHO', 'ä€'), 'ä€');
  });

  test('BaseConnection itself cannot be constructed', () => {
    assert.throws(
      () => new (BaseConnection as never as new (location: Location) => object)(new Nowhere()),
      TypeError,
    );
  });
});
