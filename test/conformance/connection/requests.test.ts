import { DecodingError } from '../../../src/resp/decoding-error.ts';
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import {
  OverloadedError,
  RequestAbortedError,
  ResponseError,
  TimeoutError,
} from '../../../src/errors/errors.ts';
import { reply } from '../../../src/testkit/index.ts';
import { failure, open, outcome, pair, realServer, wait } from './support.ts';

describe('values', () => {
  test('numbers, bytes and text are sent as the contract says', async () => {
    const server = await realServer();
    const connection = await open(server, { decodeResponses: true });
    const sent = async (value: string | number | bigint | Uint8Array): Promise<unknown> =>
      connection.createRequest('ECHO', [value]);
    assert.equal(await sent(0.1 + 0.2), '0.30000000000000004');
    assert.equal(await sent(1e21), '1e+21');
    assert.equal(await sent(Infinity), 'inf');
    assert.equal(await sent(-Infinity), '-inf');
    assert.equal(await sent(2n ** 80n), '1208925819614629174706176');
    assert.equal(await sent('a\r\n$5\r\nb\0'), 'a\r\n$5\r\nb\0');
    assert.equal(await sent('\ud800'), '\ufffd');
    const bytes = new Uint8Array([0, 255, 13, 10]);
    assert.deepEqual(await connection.createRequest('ECHO', [bytes], { decode: false }), Buffer.from(bytes));
    await assert.rejects(async () => connection.createRequest('ECHO', [bytes]), DecodingError);
    assert.equal(await connection.execute(Buffer.from('echo'), 'x'), 'x');
    assert.equal(await connection.execute('client  getname'), null);
  });

  test('bytes that are changed after the call are sent as they were', async () => {
    const { connection } = await pair();
    for (const size of [10, 5000, 200_000]) {
      const bytes = Buffer.alloc(size, 1);
      const request = connection.createRequest('ECHO', [bytes]);
      bytes.fill(2);
      assert.ok(((await request) as Buffer).every((byte) => byte === 1));
    }
  });

  for (const [what, value] of [
    ['undefined', undefined],
    ['null', null],
    ['true', true],
    ['an object', {}],
    ['an array', []],
    ['NaN', Number.NaN],
    ['a symbol', Symbol('s')],
    ['a function', () => 1],
    ['an ArrayBuffer', new ArrayBuffer(2)],
    ['a Date', new Date()],
  ] as const) {
    test(`${what} as an argument is a TypeError, and nothing is sent`, async () => {
      const { connection, server } = await pair();
      const before = connection.statistics.bytesWritten;
      for (let index = 0; index < 3; index++) {
        const args = ['a', 'b', 'c'].map((word, at) => (at === index ? value : word)) as never;
        assert.throws(() => connection.createRequest('DEL', args), TypeError);
        assert.throws(() => connection.sendCommand('DEL', args), TypeError);
        assert.throws(
          () =>
            connection.createRequestBatch([
              { command: 'PING' },
              { command: 'DEL', args },
              { command: 'PING' },
            ]),
          TypeError,
        );
        await assert.rejects(connection.execute('DEL', ...(args as string[])), TypeError);
      }
      await connection.execute('PING');
      assert.equal(server.commands.filter(({ name }) => name === 'PING').length, 1);
      assert.equal(connection.statistics.bytesWritten - before, 14);
    });
  }

  test('a character that the encoding cannot hold is a TypeError', async () => {
    const { connection } = await pair({}, { encoding: 'latin1' });
    assert.throws(() => connection.createRequest('ECHO', ['\u20ac']), TypeError);
    assert.deepEqual(await connection.execute('ECHO', '\u00e9'), Buffer.from([0xe9]));
    const { connection: ascii } = await pair({}, { encoding: 'ascii' });
    assert.throws(() => ascii.createRequest('ECHO', ['\u00e9']), TypeError);
  });

  test('the words of the command are encoded as arguments are', async () => {
    const server = await realServer();
    const latin1 = await open(server, { encoding: 'latin1' });
    const utf8 = await open(server);
    const ascii = await open(server, { encoding: 'ascii' });
    for (let round = 0; round < 2; round++) {
      assert.deepEqual(await latin1.createRequest('ECHO é'), Buffer.from([0xe9]));
      assert.deepEqual(await utf8.createRequest('ECHO é'), Buffer.from('é'));
      assert.deepEqual(await latin1.createRequestBatch([{ command: 'ECHO é' }]), [Buffer.from([0xe9])]);
    }
    const bytes = Buffer.from('ECHO é', 'latin1');
    assert.deepEqual(await ascii.createRequest(bytes), Buffer.from([0xe9]));
    for (const [connection, command] of [
      [ascii, 'ECHO é'],
      [latin1, 'ECHO €'],
    ] as const) {
      assert.throws(() => connection.createRequest(command), TypeError);
      assert.throws(() => connection.createRequestBatch([{ command: 'PING' }, { command }]), TypeError);
      assert.throws(() => connection.sendCommand(command), TypeError);
      await assert.rejects(connection.execute(command), TypeError);
    }
    const { connection: bare, server: peer } = await pair({}, { encoding: 'latin1' });
    bare.sendCommand('SUBSCRIBE é');
    await bare.execute('PING');
    assert.ok(peer.commands.some(({ name }) => name === 'SUBSCRIBE'));
  });

  test('a wrong command is a TypeError, and so are arguments that are no array', async () => {
    const { connection } = await pair();
    for (const args of ['key', new Uint8Array(2), 5, null, { length: 1 }]) {
      assert.throws(() => connection.createRequest('GET', args as never), TypeError);
      assert.throws(() => connection.sendCommand('GET', args as never), TypeError);
      assert.throws(
        () => connection.createRequestBatch([{ command: 'GET', args: args as never }]),
        TypeError,
      );
    }
    for (const command of ['', '  ', undefined, null, 5, {}]) {
      assert.throws(() => connection.createRequest(command as never), TypeError);
    }
  });
});

describe('a request', () => {
  test('a request can be awaited any number of times, early and late', async () => {
    const { connection } = await pair({ GET: reply.error('ERR no') });
    const request = connection.createRequest('PING', [], { decode: true });
    assert.equal(request.command, 'PING');
    assert.deepEqual([request.settled, request.maybeExecuted], [false, false]);
    assert.deepEqual(await Promise.all([request, request.then((value) => value), request.catch(() => 1)]), [
      'PONG',
      'PONG',
      'PONG',
    ]);
    assert.deepEqual([request.settled, request.maybeExecuted], [true, true]);
    assert.equal(await request, 'PONG');
    let finished = 0;
    assert.equal(await request.finally(() => finished++), 'PONG');
    const refused = connection.createRequest('GET', ['k']);
    const [one, two] = [await failure(refused, ResponseError), await failure(refused, ResponseError)];
    assert.equal(one, two);
    assert.equal(finished, 1);
  });

  test('a request is sent whether or not it is awaited, and never ends the process', async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    const { connection, peer, server } = await pair({ GET: reply.error('ERR no'), BLPOP: null });
    connection.createRequest('GET', ['k']);
    connection.createRequest('BLPOP', ['k', 0], { timeout: 10 });
    connection.createRequest('BLPOP', ['k', 0]).cancel();
    const batch = connection.createRequestBatch([{ command: 'BLPOP', args: ['k', 0] }]);
    connection.createRequest('PING');
    await server.waitForCommand('PING');
    // Only the request that was cancelled at once was not sent.
    const sent = server.commands.map(({ name }) => name).filter((name) => /^(GET|BLPOP|PING)$/.test(name));
    assert.deepEqual(sent, ['GET', 'BLPOP', 'BLPOP', 'PING']);
    await wait(20);
    peer.reset();
    await eventuallySettled(batch);
    await wait(20);
    process.off('unhandledRejection', note);
    assert.deepEqual(unhandled, []);
  });

  test('a request is a promise, chaining gives a plain promise, and it never shows its arguments', async () => {
    const { connection } = await pair({ GET: reply.error('ERR no') });
    const request = connection.createRequest('ECHO', ['canary'], { decode: true });
    assert.equal(Promise.resolve(request), request);
    assert.equal(request.then(() => {}).constructor, Promise);
    const shown = [
      inspect(request, { depth: 9, showHidden: true }),
      inspect(request, { depth: 9, showHidden: true, customInspect: false }),
      JSON.stringify(request),
    ];
    for (const text of shown) assert.ok(!text.includes('canary'), text);
    assert.match(String(shown[0]), /<ECHO, queued>/);
    assert.deepEqual(JSON.parse(String(shown[2])), { command: 'ECHO', settled: false });
    assert.equal(await request, 'canary');
    // A rejection is handled for the request itself, not for promises chained to it.
    const chained = connection.createRequest('GET', ['k']).then((value) => value);
    await failure(chained, ResponseError);
  });

  test('a request can be cancelled', async () => {
    const { connection } = await pair({ GET: null });
    const request = connection.createRequest('GET', ['k']);
    request.cancel();
    const error = await failure(request, RequestAbortedError);
    assert.equal(error.maybeExecuted, false);
    const written = connection.createRequest('GET', ['k']);
    await wait(5);
    written.cancel('reason');
    written.cancel('another');
    assert.deepEqual(await outcome(written), { error: 'reason' });
    const answered = connection.createRequest('PING', [], { timeout: 5 });
    await outcome(answered);
    answered.cancel();
  });

  test('a late reply is discarded and the next request gets its own', async () => {
    let answer = (): void => {};
    const late = new Promise<string | Buffer>((resolve) => {
      answer = () => resolve(reply.bulk('late'));
    });
    const { connection } = await pair({ GET: () => late });
    const request = connection.createRequest('GET', ['k'], { timeout: 10 });
    await failure(request, TimeoutError);
    assert.deepEqual([connection.usable, connection.reusable], [true, true]);
    assert.equal(connection.statistics.requestsPending, 1);
    answer();
    assert.deepEqual(await connection.execute('ECHO', 'own'), Buffer.from('own'));
    assert.equal(connection.statistics.requestsPending, 0);
    await failure(request, TimeoutError);
  });

  test('each reply is read with the settings of its own request', async () => {
    const { connection } = await pair();
    const requests = [true, false, true].map((decode) => connection.createRequest('ECHO', ['x'], { decode }));
    assert.deepEqual(await Promise.all(requests), ['x', Buffer.from('x'), 'x']);
  });

  test('commands of one turn are written in the order of the calls, in few writes', async () => {
    const { connection, server } = await pair();
    const words: string[] = [];
    const requests: PromiseLike<unknown>[] = [];
    for (let index = 0; index < 300; index++) {
      words.push(`${index}`);
      if (index % 3 === 0) requests.push(connection.createRequest('ECHO', [index]));
      else if (index % 3 === 1)
        requests.push(connection.createRequestBatch([{ command: 'ECHO', args: [index] }]));
      else connection.sendCommand('ECHO', [index]);
    }
    await Promise.all(requests);
    const echoes = server.commands.filter(({ name }) => name === 'ECHO');
    assert.deepEqual(
      echoes.map(({ args }) => args[1]),
      words,
    );
    assert.ok(new Set(echoes.map(({ chunk }) => chunk)).size <= 3);
  });

  test('a signal shared by many calls has one listener, and none afterwards', async () => {
    const { connection } = await pair();
    const { signal } = new AbortController();
    const requests = Array.from({ length: 20_000 }, () => connection.createRequest('PING', [], { signal }));
    assert.equal(getEventListeners(signal, 'abort').length, 1);
    await Promise.all(requests);
    assert.equal(getEventListeners(signal, 'abort').length, 0);
    const controller = new AbortController();
    const silent = await pair({ GET: null });
    const aborted = Array.from({ length: 1000 }, () =>
      silent.connection.createRequest('GET', ['k'], { signal: controller.signal }),
    );
    controller.abort();
    assert.equal(
      (await Promise.allSettled(aborted)).filter(({ status }) => status === 'rejected').length,
      1000,
    );
    assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
  });

  test('commands whose answers are no replies are refused, and the error names the right way', async () => {
    const { connection } = await pair();
    for (const name of [
      'SUBSCRIBE',
      'unsubscribe',
      'PSUBSCRIBE',
      'PUNSUBSCRIBE',
      'SSUBSCRIBE',
      'SUNSUBSCRIBE',
    ]) {
      assert.throws(() => connection.createRequest(name, ['a']), /executePubsub.*sendCommand/);
      assert.throws(() => connection.createRequest(Buffer.from(name), ['a']), TypeError);
      assert.throws(
        () => connection.createRequestBatch([{ command: 'PING' }, { command: name, args: ['a'] }]),
        TypeError,
      );
    }
    for (const [command, args] of [
      ['CLIENT REPLY', ['OFF']],
      ['client', ['reply', 'SKIP']],
      ['CLIENT REPLY ON', []],
    ]) {
      assert.throws(
        () => connection.createRequest(command as string, args as string[]),
        /noreply.*sendCommand|sendCommand.*noreply/,
      );
    }
    await connection.execute('PING');
  });
});

describe('untaken output', () => {
  test('option maxBufferedBytes: queued output beyond it throws; one larger command may go alone', async () => {
    const { connection, peer } = await pair({}, { maxBufferedBytes: 100_000 }, { record: false });
    const large = connection.createRequest('ECHO', [Buffer.alloc(300_000)]);
    assert.throws(() => connection.createRequest('PING'), OverloadedError);
    assert.throws(() => connection.createRequestBatch([{ command: 'PING' }]), OverloadedError);
    assert.throws(() => connection.sendCommand('PING'), OverloadedError);
    assert.equal(((await large) as Buffer).length, 300_000);
    await connection.execute('PING');
    peer.pauseReading();
    const queued: PromiseLike<unknown>[] = [];
    let thrown: unknown;
    for (let index = 0; index < 2000 && thrown === undefined; index++) {
      try {
        queued.push(connection.createRequest('ECHO', [Buffer.alloc(20_000, index)]));
      } catch (error) {
        thrown = error;
      }
      if (index % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(thrown instanceof OverloadedError, 'the bound was reached');
    peer.resumeReading();
    const replies = (await Promise.all(queued)) as Buffer[];
    assert.ok(replies.every((bytes, index) => bytes[0] === index % 256));
  });
});

async function eventuallySettled(request: PromiseLike<unknown>): Promise<void> {
  assert.ok('value' in (await outcome(request)));
}
