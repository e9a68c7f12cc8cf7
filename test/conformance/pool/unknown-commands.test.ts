// Commands outside the package's tables: the server's description decides how a pool runs them.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { commandInfo, ConnectionPool } from '../../../src/index.ts';
import {
  reply,
  ScriptedServer,
  type ScriptedServerOptions,
  type ScriptedTable,
} from '../../../src/testkit/index.ts';

const list = (...items: string[]): string => reply.array(...items);
const words = (...items: string[]): string => list(...items.map((item) => reply.simple(item)));

/** An entry of COMMAND INFO: name, flags, ACL categories; its first argument is its key. */
function entry(name: string, flags: string[], categories: string[] = [], tips: string[] = []): string {
  return list(
    reply.bulk(name),
    reply.integer(-2),
    words(...flags),
    reply.integer(1),
    reply.integer(1),
    reply.integer(1),
    words(...categories),
    list(...tips.map((tip) => reply.bulk(tip))),
    list(),
    list(),
  );
}

async function serverOf(
  known: Record<string, string>,
  asked: string[],
  options: ScriptedServerOptions = {},
): Promise<ScriptedServer> {
  const table: ScriptedTable = {
    COMMAND: (args: readonly string[]) => {
      const name = String(args[2]);
      asked.push(name);
      return known[name] === undefined ? list(reply.null) : list(known[name]);
    },
    'NEW.READ': () => reply.bulk('read'),
    'NEW.WAIT': () => null,
    'NEW.STATE': () => reply.simple('OK'),
    'NO.ONE': () => reply.error("ERR unknown command 'NO.ONE'"),
    PING: () => reply.simple('PONG'),
  };
  return ScriptedServer.start(table, options);
}

it('the server is asked about an unknown command once, before its first call', async () => {
  const asked: string[] = [];
  await using server = await serverOf({ 'NEW.READ': entry('new.read', ['readonly']) }, asked);
  await using pool = new ConnectionPool({ location: server.location, decodeResponses: true });
  const calls = Array.from({ length: 20 }, () => pool.execute('NEW.READ', 'k'));
  assert.deepEqual(new Set(await Promise.all(calls)), new Set(['read']));
  assert.equal(await pool.executeRequest('new.read', ['k'], { timeout: 5_000 }), 'read');
  assert.deepEqual(asked, ['NEW.READ']);
  await pool.execute('PING');
  assert.deepEqual(asked, ['NEW.READ']);
});

it('unknown commands that block get a connection of their own', async () => {
  const asked: string[] = [];
  await using server = await serverOf({ 'NEW.WAIT': entry('new.wait', ['write', 'blocking']) }, asked);
  await using pool = new ConnectionPool({ location: server.location, decodeResponses: true });
  await pool.execute('PING');
  const waiting = pool.executeRequest('NEW.WAIT', ['k', 'MIN', 0, 'COUNT', 'x'], { timeout: 2_000 });
  const outcome = waiting.catch((error: unknown) => error);
  // The shared connection goes on.
  for (let n = 0; n < 10; n++) assert.equal(await pool.execute('PING'), 'PONG');
  assert.ok(pool.statistics.activeConnections >= 2);
  pool.disconnect();
  assert.ok((await outcome) instanceof Error);
});

it('commands of Redis 8.10 that block get a connection of their own without asking the server', async () => {
  const table: ScriptedTable = {
    BLMOVEM: () => null,
    BZMOVE: () => null,
    'TS.READ': () => null,
    PING: () => reply.simple('PONG'),
  };
  await using server = await ScriptedServer.start(table);
  await using pool = new ConnectionPool({ location: server.location, decodeResponses: true });
  const calls: readonly (readonly [name: string, ...args: (string | number)[]])[] = [
    ['BLMOVEM', 'from', 'to', 'LEFT', 'RIGHT', 0, 'COUNT', 2],
    ['BZMOVE', 'from', 'to', 'MIN', 0, 'COUNT', 2],
    ['TS.READ', 'series', '$', 'BLOCK', 0, 1],
  ];
  const ended = calls.map(([name, ...args]) =>
    pool.executeRequest(name, args).catch((error: unknown) => error),
  );
  const asked = await Promise.all(calls.map(([name]) => server.waitForCommand(name)));
  await pool.execute('PING');
  const ping = await server.waitForCommand('PING');
  assert.equal(new Set([...asked, ping].map(({ connection }) => connection)).size, 4);
  assert.deepEqual(
    asked.map(({ args }) => args.map(String)),
    calls.map((call) => call.map(String)),
  );
  assert.equal(
    server.commands.filter(({ name }) => name === 'COMMAND').length,
    0,
    'known ones are not asked for',
  );
  pool.disconnect();
  for (const error of await Promise.all(ended)) assert.ok(error instanceof Error);
});

it('unknown commands that run scripts are not repeated after a refusal, because the script may have written', async () => {
  const known: Record<string, string> = {
    'NEW.RUN': entry('new.run', ['noscript', 'script_runner']),
    'NEW.LOOK': entry('new.look', ['readonly']),
  };
  const refuseOnce = (): (() => string) => {
    let calls = 0;
    return () => (calls++ === 0 ? reply.error('LOADING not yet') : reply.integer(calls));
  };
  await using server = await ScriptedServer.start({
    COMMAND: (args: readonly string[]) => list(known[String(args[2])] ?? reply.null),
    'NEW.RUN': refuseOnce(),
    'NEW.LOOK': refuseOnce(),
  });
  await using pool = new ConnectionPool({ location: server.location });
  assert.equal(await pool.execute('NEW.LOOK', 'k'), 2);
  await assert.rejects(pool.execute('NEW.RUN', 'k'), /LOADING/);
  assert.equal(server.commands.filter(({ name }) => name === 'NEW.RUN').length, 1);
});

it('unknown commands that change their connection are refused, and the error names the lease', async () => {
  const asked: string[] = [];
  const state = entry('new.state', ['noscript'], ['@connection']);
  await using server = await serverOf({ 'NEW.STATE': state }, asked);
  await using pool = new ConnectionPool({ location: server.location });
  await assert.rejects(pool.execute('NEW.STATE', 'x'), /NEW\.STATE.*acquire/);
  assert.equal(server.commands.filter(({ name }) => name === 'NEW.STATE').length, 0);
  const lease = await pool.acquire();
  await lease.connection.execute('NEW.STATE', 'x');
  assert.equal(lease.connection.reusable, false);
  lease.release();
});

it('commands that no server has are sent, and asked for once a pool', async () => {
  const asked: string[] = [];
  await using server = await serverOf({}, asked);
  await using pool = new ConnectionPool({ location: server.location });
  await assert.rejects(pool.execute('NO.ONE', 'x'), /unknown command/);
  await assert.rejects(pool.execute('NO.ONE', 'x'), /unknown command/);
  const [entryOfBatch] = await pool.executeBatch([{ command: 'NO.ONE' }]);
  assert.match(String(entryOfBatch), /unknown command/);
  assert.deepEqual(asked, ['NO.ONE']);
});

it('a command is asked for once for each version of a server, not by every pool', async () => {
  const asked: string[] = [];
  const known = { 'NEW.AGE': entry('new.age', ['readonly']) };
  const use = async (server: ScriptedServer): Promise<void> => {
    await using pool = new ConnectionPool({ location: server.location });
    await assert.rejects(pool.execute('NO.AGE', 'x'), /unknown command/);
    await assert.rejects(pool.execute('NEW.AGE', 'x'), /unknown command/);
    assert.equal(commandInfo('NEW.AGE')?.learned, true);
  };
  const port = await (async () => {
    await using server = await serverOf(known, asked, { version: '8.0.0' });
    await use(server);
    await use(server);
    assert.deepEqual(asked, ['NO.AGE', 'NEW.AGE']);
    return server.port;
  })();
  await using upgraded = await serverOf(known, asked, { version: '8.2.0', port });
  await using pool = new ConnectionPool({ location: upgraded.location });
  await pool.execute('PING');
  await assert.rejects(pool.execute('NO.AGE', 'x'), /unknown command/);
  assert.deepEqual(asked, ['NO.AGE', 'NEW.AGE', 'NO.AGE']);
  await use(upgraded);
  assert.deepEqual(asked, ['NO.AGE', 'NEW.AGE', 'NO.AGE']);
});

it('HIMPORT is refused on a pool, and a lease that prepared it is not used again', async () => {
  await using server = await ScriptedServer.start({
    HIMPORT: () => reply.simple('OK'),
    PING: () => reply.simple('PONG'),
  });
  await using pool = new ConnectionPool({ location: server.location, decodeResponses: true });
  await assert.rejects(pool.execute('HIMPORT', 'PREPARE', 'f', 'a'), /HIMPORT PREPARE.*acquire/);
  const lease = await pool.acquire();
  assert.equal(await lease.connection.execute('HIMPORT PREPARE', 'f', 'a'), 'OK');
  assert.equal(lease.connection.reusable, false);
  lease.release();
  await pool.execute('PING');
  assert.equal(server.connections.length >= 2, true);
});
