import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  ConnectionError,
  OverloadedError,
  ProtocolError,
  ResponseError,
} from '../../../src/errors/errors.ts';
import { CapacityLimiter } from '../../../src/pooling/capacity-limiter.ts';
import { reply } from '../../../src/testkit/index.ts';
import { eventually, failure, open, outcome, pair, realServer, take, wait } from './support.ts';

const text = { decodeResponses: true };
const ack = (kind: string, name: string | null, count: number): string =>
  reply.push(reply.bulk(kind), name === null ? reply.null : reply.bulk(name), reply.integer(count));

describe('the SUBSCRIBE family through sendCommand', () => {
  test('acknowledgements and messages are pushes, and commands in between keep their replies', async () => {
    const server = await realServer();
    const connection = await open(server, text);
    const messages = connection.pushMessages;
    connection.sendCommand('SUBSCRIBE', ['a', 'b', 'a']);
    const ping = connection.createRequest('PING');
    connection.sendCommand('PSUBSCRIBE', ['p*']);
    connection.sendCommand('SSUBSCRIBE', ['s']);
    const echo = connection.createRequest('ECHO', ['x']);
    connection.sendCommand('UNSUBSCRIBE', ['a', 'never']);
    assert.deepEqual([await ping, await echo], ['PONG', 'x']);
    await server.command('PUBLISH', 'b', 'hello');
    assert.deepEqual(await take(messages, 8), [
      ['subscribe', 'a', 1],
      ['subscribe', 'b', 2],
      ['subscribe', 'a', 2],
      ['psubscribe', 'p*', 3],
      ['ssubscribe', 's', 1],
      ['unsubscribe', 'a', 2],
      ['unsubscribe', 'never', 2],
      ['message', 'b', 'hello'],
    ]);
    assert.equal(connection.statistics.requestsPending, 0);
  });

  test('UNSUBSCRIBE without names ends with the last name, or at once when there is none', async () => {
    const server = await realServer();
    const connection = await open(server, text);
    const order: string[] = [];
    for (const names of [['a', 'b', 'c'], []]) {
      if (names.length > 0) connection.sendCommand('SUBSCRIBE', names);
      connection.sendCommand('UNSUBSCRIBE');
      connection.sendCommand('PUNSUBSCRIBE');
      connection.sendCommand('SUNSUBSCRIBE');
      order.push(String(await connection.createRequest('ECHO', ['after'])));
    }
    assert.deepEqual(order, ['after', 'after']);
    // Valkey 8.0 refuses the five that have nothing to end; other servers acknowledge them without a name.
    const refuses = /valkey_version:8\.0\./.test(String(await server.command('INFO', 'server')));
    const messages = await take(connection.pushMessages, refuses ? 3 + 3 : 3 + 3 + 2 + 3);
    assert.equal(messages.filter(([, name]) => name === null).length, refuses ? 0 : 5);
    for (const error of refuses ? await take(connection.streamedMessages, 5) : [])
      assert.ok(error instanceof ResponseError && error.code === 'NOSUB', String(error));
    assert.equal(connection.reusable, true);
  });

  test('names are matched as bytes, whatever the connection decodes', async () => {
    const server = await realServer();
    for (const options of [
      {},
      text,
      { ...text, encoding: 'latin1' as const },
      { ...text, encoding: 'ascii' as const },
    ]) {
      const connection = await open(server, options);
      const name = Buffer.from([0xff, 0x00, 0x61]);
      connection.sendCommand('SUBSCRIBE', [name, 5, 10n]);
      assert.notEqual(await connection.execute('PING'), null);
      assert.equal(connection.reusable, false);
      await take(connection.pushMessages, 3);
      connection.sendCommand('UNSUBSCRIBE', [name, '5', 10]);
      await connection.execute('PING');
      await take(connection.pushMessages, 3);
      assert.equal(connection.reusable, true);
      await connection.close();
    }
  });

  test('an error in place of an acknowledgement goes to streamedMessages and shifts nothing', async () => {
    const { connection } = await pair({ SUBSCRIBE: reply.error('NOPERM no') }, text);
    const before = connection.createRequest('ECHO', ['1']);
    connection.sendCommand('SUBSCRIBE', ['a']);
    const after = connection.createRequest('ECHO', ['2']);
    assert.deepEqual([await before, await after], ['1', '2']);
    const [error] = await take(connection.streamedMessages, 1);
    assert.ok(error instanceof ResponseError);
    assert.equal(error.code, 'NOPERM');
  });

  test('any other reply in place of an acknowledgement is streamed as well', async () => {
    const { connection } = await pair({ SUBSCRIBE: reply.ok }, text);
    connection.sendCommand('SUBSCRIBE', ['a']);
    assert.equal(await connection.execute('ECHO', '1'), '1');
    assert.deepEqual(await take(connection.streamedMessages, 1), ['OK']);
    assert.equal(connection.reusable, true);
  });

  test('a sunsubscribe push that the server sends by itself completes no request', async () => {
    const { connection, peer } = await pair(
      { SSUBSCRIBE: (command) => ack('ssubscribe', command[1] as string, 1), SUBSCRIBE: null, GET: null },
      text,
    );
    connection.sendCommand('SSUBSCRIBE', ['s']);
    await take(connection.pushMessages, 1);
    const request = connection.createRequest('GET', ['k']);
    connection.sendCommand('SUBSCRIBE', ['c']);
    const behind = connection.createRequest('GET', ['l']);
    await wait(5);
    peer.send(ack('sunsubscribe', 's', 0));
    peer.send(reply.bulk('one'));
    peer.send(ack('sunsubscribe', 'c', 0));
    await wait(5);
    assert.equal(behind.settled, false);
    peer.send(ack('subscribe', 'c', 1));
    peer.send(reply.bulk('two'));
    assert.deepEqual([await request, await behind], ['one', 'two']);
  });

  test('SUBSCRIBE inside MULTI is a TypeError', async () => {
    const { connection } = await pair();
    connection.createRequest('MULTI');
    assert.throws(() => connection.sendCommand('SUBSCRIBE', ['a']), TypeError);
    assert.throws(() => connection.sendCommand('CLIENT REPLY', ['OFF']), TypeError);
  });
});

describe('sendCommand', () => {
  test('sendCommand takes a place in the queue: its reply goes to streamedMessages, never to a request', async () => {
    const { connection } = await pair({ GET: reply.error('ERR no') }, text);
    const before = connection.statistics.requestsCreated;
    const requests = [];
    for (let index = 0; index < 50; index++) {
      connection.sendCommand('ECHO', [`s${index}`]);
      requests.push(connection.createRequest('ECHO', [`r${index}`]));
    }
    connection.sendCommand('GET', ['k']);
    assert.deepEqual(
      await Promise.all(requests),
      requests.map((_, index) => `r${index}`),
    );
    const streamed = await take(connection.streamedMessages, 51);
    assert.deepEqual(
      streamed.slice(0, 50),
      requests.map((_, index) => `s${index}`),
    );
    assert.ok(streamed[50] instanceof ResponseError);
    assert.equal(connection.statistics.requestsCreated - before, 50);
    assert.equal(connection.statistics.requestsPending, 0);
  });

  test('replies that are pending when the connection ends are not messages', async () => {
    const { connection, peer } = await pair({ ECHO: null, SUBSCRIBE: null });
    connection.sendCommand('ECHO', ['x']);
    connection.sendCommand('SUBSCRIBE', ['x']);
    const next = connection.streamedMessages.next();
    await wait(5);
    peer.reset();
    await failure(next, ConnectionError);
  });
});

describe('MONITOR', () => {
  test('MONITOR ends requests, and its lines go to streamedMessages', async () => {
    const server = await realServer();
    await server.command('PING');
    for (const how of ['request', 'sent'] as const) {
      const connection = await open(server, text);
      const before = connection.createRequest('ECHO', ['before']);
      if (how === 'request') {
        const monitor = connection.createRequest('MONITOR');
        assert.throws(() => connection.createRequest('PING'), TypeError);
        assert.throws(() => connection.sendCommand('PING'), TypeError);
        assert.equal(await monitor, 'OK');
      } else {
        connection.sendCommand('MONITOR');
        assert.deepEqual(await take(connection.streamedMessages, 1), ['OK']);
      }
      assert.equal(await before, 'before');
      assert.throws(() => connection.createRequest('PING'), TypeError);
      await server.command('ECHO', how);
      const [line] = await take(connection.streamedMessages, 1);
      assert.match(String(line), new RegExp(`"ECHO" "${how}"`));
      assert.equal(connection.usable, true);
      assert.equal(connection.reusable, false);
      await connection.close();
    }
  });

  test('a refused MONITOR changes nothing, and inside a batch it must be the last', async () => {
    const { connection } = await pair({ MONITOR: reply.error('NOPERM no') }, text);
    assert.throws(
      () => connection.createRequestBatch([{ command: 'MONITOR' }, { command: 'PING' }]),
      TypeError,
    );
    await failure(connection.createRequest('MONITOR'), ResponseError);
    assert.equal(await connection.execute('PING'), 'PONG');
    assert.equal(connection.reusable, true);
  });
});

describe('reading messages', () => {
  test('breaking out of a loop ends the iterator at once, also while next is pending, and loses nothing', async () => {
    const { connection, peer } = await pair({}, text);
    const reader = connection.pushMessages;
    const pending = [reader.next(), reader.next()];
    await reader.return(undefined);
    for (const next of pending) assert.deepEqual(await next, { done: true, value: undefined });
    assert.deepEqual(await reader.next(), { done: true, value: undefined });
    peer.push('message', 'a', '1');
    peer.push('message', 'a', '2');
    assert.deepEqual(await take(connection.pushMessages, 1), [['message', 'a', '1']]);
    assert.deepEqual(await take(connection.pushMessages, 1), [['message', 'a', '2']]);
  });

  test('two readers share the messages: each message goes to one, and both see the end', async () => {
    const { connection, peer } = await pair({}, text);
    const [one, two] = [connection.pushMessages, connection.pushMessages];
    const nexts = [one.next(), two.next()];
    peer.push('message', 'a', '1');
    peer.push('message', 'a', '2');
    const got = (await Promise.all(nexts)).map(({ value }) => (value as string[])[2]);
    assert.deepEqual(got, ['1', '2']);
    const last = [one.next(), two.next()];
    peer.reset();
    for (const next of last) await failure(next, ConnectionError);
    assert.deepEqual(await one.next(), { done: true, value: undefined });
  });

  test('buffered messages are delivered before the end of the connection', async () => {
    const { connection, peer } = await pair({}, text);
    const reader = connection.pushMessages;
    for (let index = 0; index < 100; index++) peer.push('message', 'a', index);
    peer.end();
    await connection.waitClosed();
    for (let index = 0; index < 100; index++)
      assert.deepEqual((await reader.next()).value, ['message', 'a', index]);
    const error = await failure(reader.next(), ConnectionError);
    assert.match(error.message, /peer closed/);
    assert.deepEqual(await reader.next(), { done: true, value: undefined });
    assert.throws(() => connection.pushMessages, ConnectionError);
  });

  test('buffered messages reach no reader after a protocol error', async () => {
    const { connection, peer } = await pair({}, text);
    const reader = connection.pushMessages;
    const streamed = connection.streamedMessages;
    connection.sendCommand('PING');
    peer.push('message', 'a', '1');
    await connection.execute('PING');
    peer.send('garbage\r\n');
    await connection.waitClosed();
    await failure(reader.next(), ProtocolError);
    await failure(streamed.next(), ProtocolError);
  });

  test('pushes decode by the setting of the connection, whatever is at the head of the queue', async () => {
    const { connection, peer } = await pair({ GET: null }, text);
    const request = connection.createRequest('GET', ['k'], { decode: false });
    await wait(5);
    peer.push('message', 'a', 'x');
    peer.send(reply.bulk('y'));
    assert.deepEqual(await request, Buffer.from('y'));
    assert.deepEqual(await take(connection.pushMessages, 1), [['message', 'a', 'x']]);
  });

  test('a push between a command and its reply, or split over many reads, disturbs nothing', async () => {
    const { connection, peer } = await pair({ GET: null }, text);
    const push = reply.push(reply.bulk('invalidate'), reply.array(reply.bulk('key')));
    for (let at = 1; at < push.length; at += 7) {
      peer.send(push.slice(0, at));
      await wait(3);
      // Asked while a push is half there.
      const request = connection.createRequest('GET', ['k']);
      await wait(3);
      peer.send(push.slice(at) + reply.bulk(`value ${at}`));
      assert.equal(await request, `value ${at}`);
    }
    assert.equal(connection.usable, true);
    connection.pushMessages;
  });
});

describe('unexpected replies', () => {
  test('an unexpected reply ends the connection, idle or not, and reaches no caller', async () => {
    const { connection, peer } = await pair({}, text);
    peer.send(reply.bulk('surplus'));
    await connection.waitClosed();
    assert.throws(
      () => connection.createRequest('PING'),
      (error) => error instanceof ConnectionError && error.cause instanceof ProtocolError,
    );
    const extra = await pair({ GET: reply.bulk('mine') + reply.bulk('surplus') }, text);
    assert.equal(await extra.connection.execute('GET', 'k'), 'mine');
    await extra.connection.waitClosed();
    assert.equal(extra.connection.usable, false);
  });

  test('a reply that began before any request closes the connection before it is complete', async () => {
    for (const beginning of ['$5\r\nwro', '$', '*4294967295\r\n:1\r\n', '-ERR some', '+O']) {
      const { connection, peer } = await pair({ GET: null }, text);
      peer.send(beginning);
      await connection.waitClosed({ timeout: 2_000 });
      assert.throws(
        () => connection.createRequest('GET', ['k']),
        (error) => error instanceof ConnectionError && error.cause instanceof ProtocolError,
      );
    }
  });

  test('a push that began before a request is read as a push', async () => {
    const { connection, peer } = await pair({ GET: null }, text);
    const pushes = connection.pushMessages;
    peer.send('>2\r\n+rum');
    await wait(10);
    const request = connection.createRequest('GET', ['k']);
    await wait(5);
    assert.equal(request.settled, false);
    peer.send(`our\r\n:1\r\n${reply.bulk('v')}`);
    assert.equal(await request, 'v');
    assert.deepEqual((await pushes.next()).value, ['rumour', 1]);
  });
});

describe('unread messages', () => {
  const message = 'x'.repeat(10_000);

  test('unread pushes are dropped, oldest first, and counted', async () => {
    const { connection, peer } = await pair({}, { ...text, maxBufferedBytes: 100_000 });
    for (let index = 0; index < 200; index++) peer.push('message', String(index), message);
    await eventually(() => connection.statistics.messagesDropped >= 150, 'dropped');
    assert.equal(await connection.execute('PING'), 'PONG');
    assert.equal(connection.usable, true);
    await eventually(() => connection.statistics.messagesDropped > 180, 'dropped');
    const [first] = await take(connection.pushMessages, 1);
    assert.ok(Number(first?.[1]) > 150);
  });

  test('option maxBufferedBytes: beyond it the socket is paused while no request is outstanding', async () => {
    const { connection, peer } = await pair({}, { ...text, maxBufferedBytes: 100_000 }, { record: false });
    const reader = connection.pushMessages;
    const count = 3000;
    for (let index = 0; index < count; index++) peer.push('message', index, message);
    await wait(100);
    assert.ok(connection.statistics.bytesRead < 20_000_000, 'it does not read on');
    for (let index = 0; index < count; index++) assert.equal((await reader.next()).value?.[1], index);
    assert.equal(connection.usable, true);
    assert.equal(connection.statistics.messagesDropped, 0);
    assert.equal(await connection.execute('PING'), 'PONG');
  });

  test('option maxBufferedBytes: beyond it and with a request outstanding the connection is closed', async () => {
    const { connection, peer } = await pair({ GET: null }, { ...text, maxBufferedBytes: 100_000 });
    const reader = connection.pushMessages;
    const request = connection.createRequest('GET', ['k']);
    await wait(5);
    for (let index = 0; index < 100; index++) peer.push('message', index, message);
    const error = await failure(request, ConnectionError);
    assert.ok(error.cause instanceof OverloadedError);
    assert.equal((await reader.next()).value?.[1], 0);
    let read = 1;
    let end: unknown = null;
    while (end === null) {
      const result = await outcome(reader.next());
      if ('error' in result) end = result.error;
      else read++;
    }
    assert.ok(end instanceof ConnectionError && read > 5);
  });

  test('unread messages never stop replies', async () => {
    const { connection, peer } = await pair({}, { ...text, maxBufferedBytes: 100_000 }, { record: false });
    const reader = connection.pushMessages;
    for (let index = 0; index < 8; index++) peer.push('message', index, message);
    assert.equal(await connection.execute('PING'), 'PONG');
    assert.equal((await reader.next()).value?.[1], 0);
  });
});

describe('the processing budget', () => {
  test('option processingBudget: a push waits while its only token is held elsewhere, and replies do not', async () => {
    const budget = new CapacityLimiter(1);
    const { connection, peer } = await pair({}, { ...text, processingBudget: budget });
    await budget.acquire();
    const reader = connection.pushMessages;
    let seen = 0;
    const reading = (async () => {
      for await (const [, , value] of reader) {
        assert.equal(value, seen++);
        if (seen === 3) break;
      }
    })();
    for (let index = 0; index < 3; index++) peer.push('message', 'a', index);
    connection.sendCommand('ECHO', ['streamed']);
    assert.equal(await connection.execute('PING'), 'PONG');
    assert.deepEqual(await take(connection.streamedMessages, 1), ['streamed']);
    await wait(30);
    assert.equal(seen, 0);
    assert.equal(connection.reusable, false);
    budget.release();
    await reading;
    assert.equal(budget.available, 1);
    assert.equal(connection.reusable, true);
  });

  test('a connection that ends leaves no waiter in the budget, and delivers its held pushes', async () => {
    const budget = new CapacityLimiter(1);
    const { connection, peer } = await pair({}, { ...text, processingBudget: budget });
    await budget.acquire();
    const reader = connection.pushMessages;
    peer.push('message', 'a', '1');
    await eventually(() => budget.waiting === 1, 'it waits');
    connection.invalidate();
    await wait(1);
    assert.equal(budget.waiting, 0);
    assert.deepEqual((await reader.next()).value, ['message', 'a', '1']);
    await failure(reader.next(), ConnectionError);
  });
});
