// A server that gives a slot away sends `sunsubscribe` unasked. A SUNSUBSCRIBE that is under way is then refused: the
// push must not pass for its acknowledgement, nor the error for the reply to the request behind it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { keySlot } from '../../../src/commands/key-slot.ts';
import {
  type BaseConnection,
  ClusterConnectionPool,
  ConnectionError,
  ConnectionPool,
  ProtocolError,
  type Reply,
  ResponseError,
  TCPConnection,
  TCPLocation,
} from '../../../src/index.ts';
import { reply, ScriptedServer, startCluster, type TestCluster } from '../../../src/testkit/index.ts';
import { until } from './support.ts';

const CALLERS = 16;
const push = (kind: string, name: string, count: number): string =>
  reply.push(reply.bulk(kind), reply.bulk(name), reply.integer(count));
const taken = (name: string): string => push('sunsubscribe', name, 0);

/** Requests behind the command; each has to get its own value. */
function callers(connection: BaseConnection): Promise<unknown[]> {
  return Promise.all(
    Array.from({ length: CALLERS }, (_, at) =>
      connection.execute('GET', `caller ${at}`).then(String, (error: unknown) => error),
    ),
  );
}
const OWN = Array.from({ length: CALLERS }, (_, at) => `value of caller ${at}`);

interface Scene {
  readonly server: ScriptedServer;
  readonly connection: BaseConnection;
  [Symbol.asyncDispose](): Promise<void>;
}
/** A server that answers SUNSUBSCRIBE, and the ECHO behind it, as given. */
async function open(sunsubscribe: string, fence?: string): Promise<Scene> {
  const server = await ScriptedServer.start({
    SSUBSCRIBE: (words) =>
      words
        .slice(1)
        .map((name, at) => push('ssubscribe', name, at + 1))
        .join(''),
    SUNSUBSCRIBE: sunsubscribe,
    ECHO: ([, text = '']) => fence ?? reply.bulk(text),
    GET: ([, key = '']) => reply.bulk(`value of ${key}`),
  });
  const connection = new TCPConnection(server.location);
  await connection.run();
  await connection.executePubsub('SSUBSCRIBE', 'a', 'b');
  return {
    server,
    connection,
    async [Symbol.asyncDispose]() {
      await connection.close();
      await server.close();
    },
  };
}

const REFUSALS = {
  MOVED: '-MOVED 15495 127.0.0.1:7001\r\n',
  CLUSTERDOWN: '-CLUSTERDOWN Hash slot not served\r\n',
  NOSUB: "-NOSUB 'SUNSUBSCRIBE' command executed not in subscribed mode\r\n",
};

describe('SUNSUBSCRIBE of a slot that has moved', () => {
  for (const [code, refusal] of Object.entries(REFUSALS)) {
    it(`${code}: executePubsub() settles, and each caller behind it gets its own reply`, async () => {
      await using scene = await open(taken('a') + refusal);
      const { connection } = scene;
      const left = connection.executePubsub('SUNSUBSCRIBE', 'a');
      assert.deepEqual(await callers(connection), OWN);
      assert.equal(String((await left)[0]), 'sunsubscribe,a,0');
      assert.equal(connection.inPubsub, 1);
      assert.equal(connection.reusable, false);
    });
    it(`${code}: sendCommand() streams the refusal, and each caller behind it gets its own reply`, async () => {
      await using scene = await open(taken('a') + refusal);
      const { connection } = scene;
      const streamed = connection.streamedMessages;
      connection.sendCommand('SUNSUBSCRIBE', ['a']);
      assert.deepEqual(await callers(connection), OWN);
      const { value } = await streamed.next();
      assert.ok(value instanceof ResponseError);
      assert.equal(value.code, code);
    });
  }

  it('names that the server keeps stay subscribed', async () => {
    await using scene = await open(REFUSALS.CLUSTERDOWN);
    const { connection } = scene;
    const left = connection.executePubsub('SUNSUBSCRIBE', 'a').catch((error: unknown) => error);
    assert.deepEqual(await callers(connection), OWN);
    assert.ok((await left) instanceof ResponseError);
    assert.equal(connection.inPubsub, 2);
  });

  it('an acknowledgement without a refusal settles the call as well', async () => {
    await using scene = await open(taken('a') + taken('a'));
    const { connection } = scene;
    const left = connection.executePubsub('SUNSUBSCRIBE', 'a');
    assert.deepEqual(await callers(connection), OWN);
    await left;
    // The fence does not count as a request.
    const { requestsCreated, requestsResolved } = connection.statistics;
    assert.equal(requestsCreated, requestsResolved);
  });

  it('a user without the right to ECHO can leave', async () => {
    await using scene = await open(
      taken('a'),
      "-NOPERM User x has no permissions to run the 'echo' command\r\n",
    );
    const { connection } = scene;
    const left = connection.executePubsub('SUNSUBSCRIBE', 'a');
    assert.deepEqual(await callers(connection), OWN);
    await left;
    assert.equal(connection.usable, true);
  });

  it('replies that cannot be matched to their requests reach no caller', async () => {
    await using scene = await open(taken('a'), '-BUSY a script is running\r\n');
    const { connection } = scene;
    const left = connection.executePubsub('SUNSUBSCRIBE', 'a');
    for (const outcome of await callers(connection)) assert.ok(outcome instanceof ConnectionError);
    assert.equal(connection.closed, true);
    // The name is left: the push said so.
    await left;
    await using other = await open('', '$5\r\nwrong\r\n');
    const second = other.connection.executePubsub('SUNSUBSCRIBE', 'a').catch((error: unknown) => error);
    for (const outcome of await callers(other.connection)) assert.ok(outcome instanceof ConnectionError);
    await second;
  });

  it('CLIENT REPLY SKIP before SUNSUBSCRIBE silences that command alone', async () => {
    await using scene = await open(taken('a'));
    const { connection } = scene;
    connection.sendCommand('CLIENT', ['REPLY', 'SKIP']);
    connection.sendCommand('SUNSUBSCRIBE', ['a']);
    assert.deepEqual(await callers(connection), OWN);
  });

  it('a lease of a pool leaves, and each caller behind it gets its own reply', async () => {
    await using scene = await open(taken('a') + REFUSALS.MOVED);
    await using pool = new ConnectionPool({ location: scene.server.location });
    await using lease = await pool.acquire();
    const { connection } = lease;
    await connection.executePubsub('SSUBSCRIBE', 'a');
    const left = connection.executePubsub('SUNSUBSCRIBE', 'a');
    assert.deepEqual(await callers(connection), OWN);
    await left;
    assert.equal(connection.inPubsub, 0);
    // Another user of that connection gets its own replies, too.
    await lease.release();
    assert.equal(String(await pool.execute('GET', 'x')), 'value of x');
  });

  it('the subscriber of a pool leaves while other calls go on', async () => {
    await using scene = await open(taken('a') + REFUSALS.MOVED);
    await using pool = new ConnectionPool({ location: scene.server.location });
    await pool.executePubsub('SSUBSCRIBE', 'a', 'b');
    const acks = await Promise.all([
      pool.executePubsub('SUNSUBSCRIBE', 'a'),
      pool.executePubsub('SSUBSCRIBE', 'c'),
      pool.executePubsub('SUBSCRIBE', 'none').catch(() => 'refused'),
    ]);
    assert.equal(String(acks[0][0]), 'sunsubscribe,a,1');
    assert.deepEqual([...pool.pubsubShardChannels.keys()].map(String).sort(), ['b', 'c']);
  });

  it('PING is the fence on RESP2, and pings behind it get their own replies', async () => {
    const server = await ScriptedServer.start({
      HELLO: reply.error("ERR unknown command 'HELLO'"),
      SSUBSCRIBE: ([, name = '']) => push('ssubscribe', name, 1).replace('>', '*'),
      SUNSUBSCRIBE: taken('a').replace('>', '*') + REFUSALS.MOVED,
      PING: ([, text = '']) => (text === '' ? '+PONG\r\n' : `*2\r\n${reply.bulk('pong')}${reply.bulk(text)}`),
      GET: ([, key = '']) => reply.bulk(`value of ${key}`),
    });
    const connection = new TCPConnection(server.location);
    await connection.run();
    await connection.executePubsub('SSUBSCRIBE', 'a');
    const left = connection.executePubsub('SUNSUBSCRIBE', 'a');
    const pongs = Promise.all(
      Array.from({ length: CALLERS }, (_, at) => connection.execute<Reply>('PING', `n${at}`)),
    );
    assert.deepEqual(
      (await pongs).map((pong) => String((pong as unknown[])[1])),
      Array.from({ length: CALLERS }, (_, at) => `n${at}`),
    );
    await left;
    assert.deepEqual(await callers(connection), OWN);
    await connection.close();
    await server.close();
  });
});

/** Runs commands on a node while this process reads nothing. */
function meanwhile(port: number, ...commands: readonly string[][]): void {
  const script = `
    const socket = require('node:net').connect(${port}, '127.0.0.1');
    const commands = ${JSON.stringify(commands)};
    let left = commands.length;
    for (const words of commands)
      socket.write('*' + words.length + '\\r\\n' + words.map((w) => '$' + w.length + '\\r\\n' + w + '\\r\\n').join(''));
    socket.on('data', (chunk) => {
      process.stdout.write(chunk);
      left -= String(chunk).split('\\r\\n').length - 1;
      if (left <= 0) socket.end();
    });`;
  const { stdout, status } = spawnSync(process.execPath, ['-e', script], { timeout: 20_000 });
  assert.equal(status, 0);
  assert.ok(!String(stdout).includes('-'), String(stdout));
}

describe('SUNSUBSCRIBE of a moved slot on a real cluster', () => {
  let cluster: TestCluster;
  before(async () => {
    cluster = await startCluster({ primaries: 2, replicasPerPrimary: 0 });
  });
  after(() => cluster.stop());

  async function onOwner(name: string): Promise<{ connection: TCPConnection; port: number; other: string }> {
    const owner = await cluster.nodeForSlot(keySlot(name));
    const other = (await cluster.primaries()).find(({ id }) => id !== owner.id);
    assert.ok(other);
    const connection = new TCPConnection(new TCPLocation('127.0.0.1', owner.port));
    await connection.run();
    return { connection, port: owner.port, other: other.id };
  }
  const echoes = (connection: BaseConnection): Promise<string[]> =>
    Promise.all(
      Array.from({ length: CALLERS }, (_, at) => connection.execute('ECHO', `n${at}`).then(String)),
    );
  const own = Array.from({ length: CALLERS }, (_, at) => `n${at}`);

  for (const way of ['executePubsub', 'sendCommand'] as const) {
    it(`${way} settles when the slot has moved and its push is unread`, async () => {
      const name = `moved by ${way}`;
      const { connection, port, other } = await onOwner(name);
      await connection.executePubsub('SSUBSCRIBE', name);
      meanwhile(port, ['CLUSTER', 'SETSLOT', String(keySlot(name)), 'NODE', other]);
      let left: Promise<unknown> = Promise.resolve();
      if (way === 'executePubsub') left = connection.executePubsub('SUNSUBSCRIBE', name);
      else connection.sendCommand('SUNSUBSCRIBE', [name]);
      assert.deepEqual(await echoes(connection), own);
      await left;
      assert.equal(connection.inPubsub, 0);
      assert.deepEqual(await echoes(connection), own);
      await connection.close();
    });
  }

  it('CLUSTERDOWN of an unserved slot settles the call', async () => {
    const name = 'nobody';
    const { connection, port } = await onOwner(name);
    await connection.executePubsub('SSUBSCRIBE', name);
    meanwhile(port, ['CLUSTER', 'DELSLOTS', String(keySlot(name))]);
    const left = connection.executePubsub('SUNSUBSCRIBE', name).catch((error: unknown) => error);
    assert.deepEqual(await echoes(connection), own);
    assert.ok(!((await left) instanceof ProtocolError));
    await connection.close();
    meanwhile(port, ['CLUSTER', 'ADDSLOTS', String(keySlot(name))]);
  });

  it('shard channels of several slots are left together, on a connection and a pool', async () => {
    const { connection } = await onOwner('x');
    const owner = await cluster.nodeForSlot(keySlot('x'));
    const names: string[] = [];
    for (let at = 0; names.length < 6; at++) {
      if ((await cluster.nodeForSlot(keySlot(`name ${at}`))).id === owner.id) names.push(`name ${at}`);
    }
    const acks = await connection.executePubsub('SSUBSCRIBE', ...names);
    assert.equal(acks.length, names.length);
    assert.equal((await connection.executePubsub('SUNSUBSCRIBE', names[0] ?? '', names[1] ?? '')).length, 2);
    assert.equal((await connection.executePubsub('SUNSUBSCRIBE')).length, 4);
    assert.equal(connection.inPubsub, 0);
    assert.equal(connection.reusable, true);
    await connection.close();
    await using pool = new ClusterConnectionPool({ startupNodes: cluster.startupNodes });
    await pool.executePubsub('SSUBSCRIBE', ...names);
    assert.equal((await pool.executePubsub('SUNSUBSCRIBE')).length, names.length);
    await until(
      async () => String(await owner.command('PUBSUB', 'SHARDCHANNELS')) === '',
      'no shard channel',
    );
  });
});
