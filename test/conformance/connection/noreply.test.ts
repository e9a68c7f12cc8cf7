import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventually, open, pair, realServer, take, wait } from './support.ts';

const server = await realServer();
const text = { decodeResponses: true };

describe('requests without a reply', () => {
  test('option noreply: a request resolves to null once written, and the next request gets its own reply', async () => {
    const connection = await open(server, text);
    await connection.execute('DEL', 'n');
    for (let index = 0; index < 3; index++) {
      const request = connection.createRequest('INCR', ['n'], { noreply: true });
      const next = connection.createRequest('ECHO', [index]);
      assert.equal(await request, null);
      assert.deepEqual([request.settled, request.maybeExecuted], [true, true]);
      assert.equal(await next, String(index));
    }
    assert.equal(await connection.execute('GET', 'n'), '3');
    assert.equal(connection.statistics.requestsPending, 0);
  });

  test('the error of a noreply command stays unseen, and shifts nothing', async () => {
    const connection = await open(server, text);
    const request = connection.createRequest('NOSUCH', ['x'], { noreply: true });
    const next = connection.createRequest('ECHO', ['y']);
    assert.deepEqual([await request, await next], [null, 'y']);
  });

  test('SKIP goes right before its command, in the same write', async () => {
    const { connection, server: peer } = await pair({ 'CLIENT REPLY': null, SET: null });
    connection.createRequest('PING');
    connection.createRequest('SET', ['k', 'v'], { noreply: true });
    await connection.createRequest('PING');
    const names = peer.commands.slice(-4).map(({ args }) => args.slice(0, 3).join(' '));
    assert.deepEqual(names, ['PING', 'CLIENT REPLY SKIP', 'SET k v', 'PING']);
    assert.equal(new Set(peer.commands.slice(-4).map(({ chunk }) => chunk)).size, 1);
  });

  test('noreply inside MULTI is a TypeError, before and after the reply of MULTI', async () => {
    const connection = await open(server, text);
    const multi = connection.createRequest('MULTI');
    assert.throws(() => connection.createRequest('SET', ['k', 'v'], { noreply: true }), TypeError);
    await multi;
    assert.throws(() => connection.createRequest('SET', ['k', 'v'], { noreply: true }), TypeError);
    await connection.execute('DISCARD');
    assert.equal(await connection.createRequest('SET', ['k', 'v'], { noreply: true }), null);
    const opened = connection.createRequest('MULTI', [], { noreply: true });
    connection.createRequest('SET', ['k', 'w']);
    assert.deepEqual(await connection.execute('EXEC'), ['OK']);
    assert.equal(await opened, null);
    assert.equal(connection.reusable, true);
  });

  test('a noreply request aborted before it is written is never sent', async () => {
    const { connection, server: peer } = await pair({ 'CLIENT REPLY': null, SET: null });
    const request = connection.createRequest('SET', ['k', 'v'], { noreply: true });
    request.cancel('no');
    await assert.rejects(Promise.resolve(request), (error) => error === 'no');
    await connection.execute('PING');
    assert.equal(
      peer.commands.some(({ name }) => name === 'SET' || name === 'REPLY'),
      false,
    );
  });
});

describe('a connection without replies', () => {
  test('option noreply: a connection without replies resolves requests to null, and everything is executed', async () => {
    const connection = await open(server, { ...text, noreply: true });
    await server.command('DEL', 'n');
    assert.equal(await connection.execute('INCR', 'n'), null);
    assert.equal(await connection.createRequest('INCR', ['n'], { noreply: false }), null);
    assert.equal(await connection.createRequest('INCR', ['n'], { noreply: true }), null);
    assert.equal(await connection.createRequest('NOSUCH'), null);
    assert.deepEqual(
      await connection.createRequestBatch([{ command: 'INCR', args: ['n'] }, { command: 'NOSUCH' }]),
      [null, null],
    );
    assert.deepEqual(await connection.createRequestBatch([]), []);
    await wait(20);
    assert.equal(await server.command('GET', 'n').then(String), '4');
    assert.equal(connection.statistics.requestsPending, 0);
    assert.equal(connection.reusable, true);
  });

  test('a connection without replies still receives pushes', async () => {
    const connection = await open(server, { ...text, noreply: true });
    connection.sendCommand('SUBSCRIBE', ['a']);
    assert.deepEqual(await take(connection.pushMessages, 1), [['subscribe', 'a', 1]]);
    await server.command('PUBLISH', 'a', 'x');
    assert.deepEqual(await take(connection.pushMessages, 1), [['message', 'a', 'x']]);
    assert.equal(connection.reusable, false);
  });

  test('a transaction on a connection without replies is executed', async () => {
    const connection = await open(server, { ...text, noreply: true });
    for (const command of [['MULTI'], ['SET', 'quiet', '1'], ['EXEC']]) {
      assert.equal(await connection.execute(command[0] as string, ...command.slice(1)), null);
    }
    await wait(20);
    assert.equal(await server.command('GET', 'quiet').then(String), '1');
    assert.equal(connection.reusable, true);
  });
});

describe('CLIENT REPLY through sendCommand', () => {
  test('OFF and ON decide which requests are answered, in the order of the calls', async () => {
    const connection = await open(server, text);
    const before = connection.createRequest('ECHO', ['before']);
    connection.sendCommand('CLIENT REPLY', ['OFF']);
    const silent = [connection.createRequest('ECHO', ['1']), connection.createRequest('ECHO', ['2'])];
    connection.sendCommand('client reply on');
    const after = connection.createRequest('ECHO', ['after']);
    assert.deepEqual(await Promise.all([before, ...silent, after]), ['before', null, null, 'after']);
    assert.deepEqual(await take(connection.streamedMessages, 1), ['OK']);
    connection.sendCommand('CLIENT', ['REPLY', 'skip']);
    const skipped = connection.createRequest('ECHO', ['3']);
    const answered = connection.createRequest('ECHO', ['4']);
    assert.deepEqual([await skipped, await answered], [null, '4']);
    assert.equal(connection.statistics.requestsPending, 0);
  });

  test('SKIP counts for the next command that is written, not for one that was taken back', async () => {
    const connection = await open(server, text);
    connection.sendCommand('CLIENT REPLY', ['SKIP']);
    const gone = connection.createRequest('ECHO', ['gone']);
    const skipped = connection.createRequest('ECHO', ['skipped']);
    const answered = connection.createRequest('ECHO', ['answered']);
    gone.cancel();
    await assert.rejects(Promise.resolve(gone));
    assert.deepEqual([await skipped, await answered], [null, 'answered']);
  });

  test('a refused CLIENT REPLY changes nothing', async () => {
    const connection = await open(server, text);
    connection.sendCommand('CLIENT REPLY', ['MAYBE']);
    connection.sendCommand('CLIENT REPLY', ['OFF', 'NOW']);
    assert.equal(await connection.execute('ECHO', 'x'), 'x');
    assert.equal(
      (await take(connection.streamedMessages, 2)).every((value) => value instanceof Error),
      true,
    );
    assert.equal(connection.reusable, true);
  });

  test('RESET ends the silence of CLIENT REPLY OFF', async () => {
    const connection = await open(server, { ...text, noreply: true });
    assert.equal(await connection.execute('ECHO', '1'), null);
    assert.equal(await connection.execute('RESET'), 'RESET');
    assert.equal(await connection.execute('ECHO', '2'), '2');
    assert.equal(connection.reusable, false);
  });
});

describe('a silent server', () => {
  test('option maxIdleTime: a connection closes when the server says nothing while nothing is outstanding', async () => {
    const { connection } = await pair(
      { GET: () => wait(700).then(() => '+late\r\n') },
      { ...text, maxIdleTime: 400 },
    );
    for (let index = 0; index < 5; index++) {
      await wait(100);
      await connection.execute('PING');
    }
    assert.equal(await connection.execute('GET', 'k'), 'late', 'waiting for an answer is no silence');
    assert.equal(connection.usable, true);
    await eventually(() => connection.closed, 'the silence has ended it');
    assert.throws(
      () => connection.createRequest('PING'),
      (error) => {
        return /maxIdleTime/.test(String((error as Error).cause));
      },
    );
  });

  test('option maxIdleTime: writes count on a connection without replies', async () => {
    const { connection } = await pair(
      { 'CLIENT REPLY': null, PING: null },
      { ...text, maxIdleTime: 400, noreply: true },
    );
    for (let index = 0; index < 8; index++) {
      await wait(100);
      await connection.execute('PING');
    }
    assert.equal(connection.usable, true);
    await eventually(() => connection.closed, 'the silence has ended it');
  });
});
