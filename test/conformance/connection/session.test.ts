import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TCPConnection } from '../../../src/connection/tcp-connection.ts';
import { ExecAbortError, ResponseError } from '../../../src/errors/errors.ts';
import { reply } from '../../../src/testkit/index.ts';
import type { RedisValue } from '../../../src/resp/types.ts';
import { eventually, failure, open, outcome, pair, realServer, take, wait } from './support.ts';

const server = await realServer({ users: { other: 'on >secret ~* &* +@all' } });
const fresh = (options = {}): Promise<TCPConnection> => open(server, { decodeResponses: true, ...options });
type Command = readonly [string, ...RedisValue[]];

async function run(connection: TCPConnection, [command, ...args]: Command): Promise<void> {
  await connection.createRequest(command, args, { raiseExceptions: false });
}

describe('reusable: commands that make a connection dirty', () => {
  for (const command of [
    ['SELECT', 1],
    ['MULTI'],
    ['WATCH', 'k'],
    ['CLIENT SETNAME', 'x'],
    ['client', 'setname', 'x'],
    ['CLIENT NO-EVICT', 'ON'],
    ['CLIENT TRACKING', 'ON'],
    ['AUTH', 'other', 'secret'],
    ['HELLO', 3],
    ['HELLO'],
    ['RESET'],
    ['ASKING'],
  ] as const satisfies readonly Command[]) {
    test(`${command.join(' ')} makes a connection dirty from the moment it is queued, and after its reply`, async () => {
      const connection = await fresh();
      const request = connection.createRequest(command[0], command.slice(1) as RedisValue[], {
        raiseExceptions: false,
      });
      assert.equal(connection.reusable, false, 'queued');
      const answer = await request;
      if (command[0] === 'ASKING' && answer instanceof ResponseError) {
        assert.equal(connection.reusable, true, 'refused on a server that is no cluster');
      } else assert.equal(connection.reusable, false, 'answered');
      assert.equal(connection.usable, true);
      await connection.close();
    });
  }

  test('READONLY and READWRITE make a connection dirty, where the server takes them', async () => {
    const { connection } = await pair();
    await connection.execute('READONLY');
    assert.equal(connection.reusable, false);
    await connection.execute('READWRITE');
    assert.equal(connection.reusable, true);
    await connection.execute('ASKING');
    assert.equal(connection.reusable, false);
  });

  test('CLIENT NO-TOUCH makes a connection dirty, where the server takes it', async () => {
    const { connection } = await pair();
    await connection.execute('CLIENT NO-TOUCH', 'ON');
    assert.equal(connection.reusable, false);
    await connection.execute('CLIENT', 'NO-TOUCH', 'off');
    assert.equal(connection.reusable, true);
  });

  test('an unanswered blocking command makes a connection dirty', async () => {
    const connection = await fresh();
    const request = connection.createRequest('BLPOP', ['nothing', 0.05]);
    assert.equal(connection.reusable, false);
    assert.equal(await request, null);
    assert.equal(connection.reusable, true);
    const abandoned = connection.createRequest('BLPOP', ['nothing', 0.05], { timeout: 5 });
    await failure(abandoned, Error);
    assert.equal(connection.reusable, false, 'its caller has gone, it still blocks');
    await connection.execute('PING');
    assert.equal(connection.reusable, true);
  });

  test('an unread message makes a connection dirty until it is read', async () => {
    const { connection, peer } = await pair({}, { decodeResponses: true });
    peer.push('invalidate', 'k');
    await eventually(() => !connection.reusable, 'the push has come');
    await take(connection.pushMessages, 1);
    assert.equal(connection.reusable, true);
    connection.sendCommand('PING');
    await eventually(() => !connection.reusable, 'the answer has come');
    assert.deepEqual(await take(connection.streamedMessages, 1), ['PONG']);
    assert.equal(connection.reusable, true);
  });

  test('a subscription makes a connection dirty from its request until it is gone', async () => {
    const connection = await fresh();
    connection.sendCommand('SUBSCRIBE', ['a']);
    assert.equal(connection.reusable, false, 'queued');
    const messages = connection.pushMessages;
    await messages.next();
    assert.equal(connection.reusable, false, 'subscribed');
    connection.sendCommand('UNSUBSCRIBE', ['a']);
    assert.equal(connection.reusable, false);
    await messages.next();
    assert.equal(connection.reusable, true);
  });

  test('a refused subscription leaves a connection clean', async () => {
    const { connection } = await pair({ SUBSCRIBE: reply.error('NOPERM no') });
    connection.sendCommand('SUBSCRIBE', ['a']);
    assert.ok((await take(connection.streamedMessages, 1))[0] instanceof ResponseError);
    assert.equal(connection.reusable, true);
  });

  test('requests in flight leave a connection clean', async () => {
    const { connection } = await pair({ GET: null });
    connection.createRequest('GET', ['k']);
    await wait(5);
    assert.equal(connection.reusable, true);
  });
});

describe('reusable: commands that make a connection clean again', () => {
  for (const [title, ...commands] of [
    ['SELECT there and back', ['SELECT', 1], ['SELECT', 0]],
    ['SELECT that is refused', ['SELECT', 99]],
    ['MULTI and EXEC', ['MULTI'], ['SET', 'k', 1], ['EXEC']],
    ['MULTI and DISCARD', ['MULTI'], ['SET', 'k', 1], ['DISCARD']],
    ['MULTI that is refused inside MULTI', ['MULTI'], ['MULTI'], ['DISCARD']],
    ['EXEC without MULTI', ['EXEC']],
    ['WATCH and UNWATCH', ['WATCH', 'k'], ['UNWATCH']],
    ['WATCH, MULTI and EXEC', ['WATCH', 'k'], ['MULTI'], ['EXEC']],
    ['WATCH, MULTI and DISCARD', ['WATCH', 'k'], ['MULTI'], ['DISCARD']],
    ['EXEC that is aborted by an error', ['MULTI'], ['NOSUCH'], ['EXEC']],
    ['CLIENT SETNAME there and back', ['CLIENT SETNAME', 'x'], ['CLIENT SETNAME', '']],
    ['NO-EVICT on and off', ['CLIENT NO-EVICT', 'ON'], ['CLIENT NO-EVICT', 'OFF']],
    ['tracking on and off', ['CLIENT TRACKING', 'ON'], ['CLIENT TRACKING', 'OFF']],
    ['WATCH, EXEC that is refused and UNWATCH', ['WATCH', 'k'], ['EXEC'], ['UNWATCH']],
    ['AUTH that is refused', ['AUTH', 'other', 'wrong']],
  ] as const satisfies readonly (readonly [string, ...Command[]])[]) {
    test(`${title} leaves a connection clean, one after the other and all at once`, async () => {
      const connection = await fresh();
      for (const command of commands) await run(connection, command);
      assert.equal(connection.reusable, true);
      const replies = commands.map((command) => run(connection, command));
      await Promise.all(replies);
      assert.equal(connection.reusable, true);
      await connection.createRequestBatch(commands.map(([command, ...args]) => ({ command, args })));
      assert.equal(connection.reusable, true);
      await connection.close();
    });
  }

  test('an EXEC that WATCH made null leaves a connection clean', async () => {
    const connection = await fresh();
    await connection.execute('WATCH', 'w');
    await server.command('SET', 'w', Math.random());
    await connection.execute('MULTI');
    await connection.execute('PING');
    assert.equal(await connection.execute('EXEC'), null);
    assert.equal(connection.reusable, true);
  });

  for (const word of ['EXEC', 'DISCARD']) {
    test(`${word} without MULTI keeps the watched keys`, async () => {
      const connection = await fresh();
      for (const options of [{}, { noreply: true }]) {
        await connection.execute('WATCH', 'w');
        await outcome(connection.createRequest(word, [], options));
        await connection.execute('PING');
        assert.equal(connection.reusable, false);
        await server.command('SET', 'w', Math.random());
        await connection.execute('MULTI');
        assert.equal(await connection.execute('EXEC'), null, 'the server still watched');
        assert.equal(connection.reusable, true);
      }
      await run(connection, ['WATCH', 'w']);
      await run(connection, [word]);
      await run(connection, ['UNWATCH']);
      assert.equal(connection.reusable, true);
    });
  }

  test('an EXEC that the user may not call drops the watched keys', async () => {
    await server.command('ACL', 'SETUSER', 'watcher', 'on', '>secret', '~*', '+@all', '-exec');
    const connection = await fresh({ username: 'watcher', password: 'secret' });
    await connection.execute('WATCH', 'w');
    await failure(connection.createRequest('EXEC'), ExecAbortError);
    assert.equal(connection.reusable, true);
    await server.command('SET', 'w', Math.random());
    await connection.execute('MULTI');
    await connection.execute('PING');
    await connection.execute('DISCARD');
    assert.equal(connection.reusable, true);
  });

  test('EXECABORT is thrown and ends the transaction; errors inside EXEC are values', async () => {
    const connection = await fresh();
    await connection.execute('MULTI');
    await run(connection, ['NOSUCH']);
    await failure(connection.createRequest('EXEC'), ExecAbortError);
    assert.equal(connection.reusable, true);
    await connection.execute('SET', 'text', 'x');
    await connection.execute('MULTI');
    await connection.execute('INCR', 'text');
    await connection.execute('PING');
    const [error, pong] = (await connection.execute('EXEC')) as unknown[];
    assert.ok(error instanceof ResponseError);
    assert.equal(pong, 'PONG');
    assert.equal(connection.reusable, true);
  });

  test('the reply to EXEC decides how a transaction changed the connection', async () => {
    const connection = await fresh();
    for (const command of [['MULTI'], ['SELECT', 1], ['EXEC']] as const) await run(connection, command);
    assert.deepEqual([connection.reusable, connection.db], [false, 1]);
    await run(connection, ['SELECT', 0]);
    assert.deepEqual([connection.reusable, connection.db], [true, 0]);
    for (const command of [['MULTI'], ['SELECT', 5], ['DISCARD']] as const) await run(connection, command);
    assert.deepEqual([connection.reusable, connection.db], [true, 0]);
    for (const command of [['MULTI'], ['SELECT', 5], ['NOSUCH']] as const) await run(connection, command);
    await failure(connection.createRequest('EXEC'), ExecAbortError);
    assert.deepEqual([connection.reusable, connection.db], [true, 0]);
    const partly = await fresh();
    for (const command of [['MULTI'], ['SELECT', 5], ['SELECT', 9999], ['EXEC'], ['SELECT', 0]] as const)
      await run(partly, command);
    assert.equal(partly.reusable, false);
    const unseen = await fresh();
    for (const command of [['MULTI'], ['SELECT', 5]] as const) await run(unseen, command);
    const exec = unseen.createRequest('EXEC');
    setImmediate(() => exec.cancel('nobody looks'));
    await outcome(exec);
    await run(unseen, ['PING']);
    assert.equal(unseen.reusable, false);
    const discarded = await fresh();
    await run(discarded, ['CLIENT SETNAME', 'x']);
    for (const command of [['MULTI'], ['CLIENT SETNAME', ''], ['DISCARD']] as const)
      await run(discarded, command);
    assert.equal(discarded.reusable, false);
  });

  test('a command taken back before it was written leaves a connection clean', async () => {
    const connection = await fresh();
    const request = connection.createRequest('SELECT', [1]);
    assert.equal(connection.reusable, false);
    request.cancel();
    assert.equal(connection.reusable, true);
    assert.equal(await connection.execute('CLIENT INFO').then((info) => / db=0 /.test(String(info))), true);
  });

  test('a connection is clean by the options of its handshake, not by the defaults', async () => {
    const connection = await fresh({ db: 2, clientName: 'me', noevict: true });
    assert.deepEqual([connection.reusable, connection.db, connection.clientName], [true, 2, 'me']);
    await connection.execute('SELECT', 0);
    assert.deepEqual([connection.reusable, connection.db], [false, 0]);
    await connection.execute('SELECT', 2);
    await connection.execute('CLIENT SETNAME', 'other');
    assert.deepEqual([connection.reusable, connection.clientName], [false, 'other']);
    await connection.execute('CLIENT', 'SETNAME', 'me');
    await connection.execute('CLIENT NO-EVICT', 'OFF');
    assert.equal(connection.reusable, false);
    await connection.execute('CLIENT NO-EVICT', 'ON');
    assert.equal(connection.reusable, true);
  });

  test('RESET drops state that needs a new handshake, and the connection goes on', async () => {
    const connection = await fresh({ db: 1 });
    connection.sendCommand('SUBSCRIBE', ['a']);
    await take(connection.pushMessages, 1);
    assert.equal(await connection.execute('RESET'), 'RESET');
    assert.equal(connection.db, 0);
    assert.equal(connection.reusable, false);
    assert.equal(await connection.execute('ECHO', 'x'), 'x');
  });

  test('QUIT is answered and ends the connection', async () => {
    const connection = await fresh();
    const request = connection.createRequest('QUIT');
    assert.equal(connection.reusable, false);
    assert.equal(await request, 'OK');
    await connection.waitClosed();
    assert.equal(connection.usable, false);
  });

  test('CLIENT REPLY: OFF is dirty, ON is clean, SKIP is dirty until the next command is written', async () => {
    const connection = await fresh();
    connection.sendCommand('CLIENT REPLY', ['SKIP']);
    await wait(5);
    assert.equal(connection.reusable, false);
    assert.equal(await connection.execute('PING'), null);
    assert.equal(connection.reusable, true);
    connection.sendCommand('CLIENT', ['REPLY', 'OFF']);
    await wait(5);
    assert.equal(connection.reusable, false);
    assert.equal(await connection.execute('SET', 'k', 1), null);
    connection.sendCommand('CLIENT REPLY', ['ON']);
    assert.deepEqual(await take(connection.streamedMessages, 1), ['OK']);
    assert.equal(connection.reusable, true);
    assert.equal(await connection.execute('GET', 'k'), '1');
  });
});

describe('updateTrackingClient', () => {
  test('updateTrackingClient tracks on itself, on another client or not at all; a refusal is false', async () => {
    const [one, other] = [await fresh(), await fresh()];
    assert.equal(await one.updateTrackingClient(true), true);
    assert.equal(one.trackingClientId, one.clientId);
    assert.equal(await one.updateTrackingClient(false, 5), true);
    assert.equal(one.trackingClientId, null);
    assert.equal(one.reusable, true);
    assert.equal(await one.updateTrackingClient(true, other.clientId), true);
    assert.equal(one.trackingClientId, other.clientId);
    assert.equal(one.reusable, false);
    await one.execute('GET', 'tracked');
    await server.command('SET', 'tracked', 1);
    assert.deepEqual(await take(other.pushMessages, 1), [['invalidate', ['tracked']]]);
    assert.equal(await one.updateTrackingClient(false), true);
    assert.equal(await one.updateTrackingClient(true, 999_999_999), false);
    assert.equal(one.trackingClientId, null);
    assert.equal(one.reusable, true);
  });

  for (const [title, first, other, same] of [
    ['NOLOOP', ['ON'], ['ON', 'NOLOOP'], ['on']],
    ['OPTIN', ['ON', 'OPTIN', 'NOLOOP'], ['ON', 'OPTOUT', 'NOLOOP'], ['ON', 'noloop', 'optin']],
    ['BCAST', ['ON', 'BCAST'], ['ON'], ['ON', 'BCAST']],
    [
      'PREFIX',
      ['ON', 'BCAST', 'PREFIX', 'a', 'PREFIX', Buffer.from('b')],
      ['ON', 'BCAST', 'PREFIX', 'a'],
      ['ON', 'prefix', 'b', 'BCAST', 'PREFIX', 'a'],
    ],
    ['a long PREFIX', ['ON', 'BCAST', 'PREFIX', 'x'.repeat(200)], ['ON', 'BCAST', 'PREFIX', 'y'.repeat(200)]],
    ['a PREFIX with a space', ['ON', 'BCAST', 'PREFIX', 'a b'], ['ON', 'BCAST', 'PREFIX', 'a']],
  ] as const satisfies readonly (readonly [string, ...(readonly RedisValue[])[]])[]) {
    test(`updateTrackingClient to another mode gives another state: ${title}`, async () => {
      const connection = new TCPConnection(server.location, { decodeResponses: true });
      connection.registerConnectCallback((one) =>
        one.execute('CLIENT TRACKING', ...(first as readonly RedisValue[])).then(() => {}),
      );
      await connection.run();
      const reusable = async (mode: readonly RedisValue[]): Promise<boolean> => {
        await connection.execute('CLIENT TRACKING', 'OFF');
        await connection.execute('CLIENT', 'TRACKING', ...mode);
        assert.equal(connection.trackingClientId, connection.clientId);
        return connection.reusable;
      };
      assert.equal(await reusable(first), true);
      assert.equal(await reusable(other), false);
      if (same !== undefined) assert.equal(await reusable(same), true);
      await connection.close();
    });
  }

  test('BCAST mode adds new prefixes to the existing ones', async () => {
    const connection = new TCPConnection(server.location, { decodeResponses: true });
    const add = (prefix: string): Promise<unknown> =>
      connection.execute('CLIENT TRACKING', 'ON', 'BCAST', 'PREFIX', prefix);
    connection.registerConnectCallback(async () => {
      await add('a');
      await add('b');
    });
    await connection.run();
    await connection.execute('CLIENT TRACKING', 'OFF');
    await add('b');
    assert.equal(connection.reusable, false);
    await add('a');
    assert.equal(connection.reusable, true);
    await connection.close();
  });

  test('a PREFIX that is spelled like an option is not taken for one', async () => {
    const connection = await fresh();
    await connection.execute('CLIENT TRACKING', 'ON', 'BCAST', 'PREFIX', 'REDIRECT', 'PREFIX', '5');
    assert.equal(connection.trackingClientId, connection.clientId);
    const other = await fresh();
    await other.execute(`CLIENT TRACKING ON REDIRECT ${connection.clientId} NOLOOP`);
    assert.equal(other.trackingClientId, connection.clientId);
    assert.equal(await other.execute('CLIENT GETREDIR'), connection.clientId);
  });

  test('updateTrackingClient keeps its limits, and rejects where tracking is unknown', async () => {
    const { connection } = await pair({ 'CLIENT TRACKING': null });
    await failure(connection.updateTrackingClient(true, null, { timeout: 20 }), Error);
    const controller = new AbortController();
    const pending = connection.updateTrackingClient(true, null, { signal: controller.signal });
    controller.abort(new Error('enough'));
    await assert.rejects(pending, /enough/);
    await assert.rejects(connection.updateTrackingClient(true, {} as never), TypeError);
    await assert.rejects(connection.updateTrackingClient(true, null, { tiemout: 1 } as never), TypeError);
    const old = await pair({
      'CLIENT TRACKING': reply.error("ERR unknown subcommand 'TRACKING'. Try CLIENT HELP."),
    });
    await failure(old.connection.updateTrackingClient(true), ResponseError);
    const silent = await pair({ 'CLIENT REPLY': null }, { noreply: true });
    assert.equal(await silent.connection.updateTrackingClient(true), false);
  });

  test('updateTrackingClient is refused wherever a request is, and inside MULTI; only OK counts as true', async () => {
    const connection = await fresh();
    await connection.execute('MULTI');
    await failure(connection.updateTrackingClient(true), TypeError);
    await connection.execute('DISCARD');
    assert.equal(connection.reusable, true);
    connection.sendCommand('MONITOR');
    const error = await failure(connection.updateTrackingClient(false), TypeError);
    assert.match(error.message, /MONITOR/);
    const odd = await pair({ 'CLIENT TRACKING': reply.simple('QUEUED') });
    assert.equal(await odd.connection.updateTrackingClient(true), false);
    const skipped = await fresh();
    skipped.sendCommand('CLIENT REPLY', ['SKIP']);
    assert.equal(await skipped.updateTrackingClient(true), false);
  });
});

describe('HELLO', () => {
  test('HELLO sets the name with SETNAME, and keyword-like credentials of AUTH are no keywords', async () => {
    const connection = await fresh();
    await connection.execute('HELLO', 3, 'SETNAME', 'x');
    assert.equal(connection.clientName, 'x');
    await connection.execute('HELLO', 3);
    assert.equal(connection.clientName, 'x');
    await assert.rejects(connection.execute('HELLO', 3, 'SETNAME', 'no name'), ResponseError);
    assert.equal(connection.clientName, 'x');
    await connection.execute(Buffer.from('hello 3 setname'), Buffer.from('y'));
    assert.equal(connection.clientName, 'y');
    assert.equal(await connection.execute('CLIENT GETNAME'), 'y');
    const { connection: other } = await pair();
    await other.execute('HELLO', 3, 'AUTH', 'SETNAME', 'secret', 'SETNAME', 'z');
    assert.equal(other.clientName, 'z');
    assert.equal(other.reusable, false);
  });
});
