// HIMPORT needs Redis 8.10: servers of a script that keep fieldsets as it does, for each connection.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { it } from 'node:test';
import { Cluster, Redis } from '../../../src/ioredis/index.ts';
import {
  reply,
  type ScriptedConnection,
  ScriptedServer,
  type ScriptedTable,
} from '../../../src/testkit/index.ts';
import type { Methods } from '../../support/ioredis-clients.ts';

const FIELDSETS = [{ name: 'user', fields: ['name', 'age'] }];
const OK = reply.simple('OK');

/** The rows of the server and the commands it got. */
class Importer {
  readonly known = new WeakMap<ScriptedConnection, Set<string>>();
  readonly asked: string[] = [];
  /** Refuses that many PREPAREs. */
  refuse = 0;

  of(connection: ScriptedConnection): Set<string> {
    const known = this.known.get(connection) ?? new Set();
    this.known.set(connection, known);
    return known;
  }
  readonly himport = ([, kind, first, second]: readonly string[], connection: ScriptedConnection): string => {
    const known = this.of(connection);
    this.asked.push(kind!);
    if (kind === 'PREPARE') {
      if (this.refuse-- > 0) return reply.error('ERR out of fieldsets');
      known.add(first!);
      return OK;
    }
    if (kind === 'DISCARD') return reply.integer(known.delete(first!) ? 1 : 0);
    return known.has(second!) ? OK : reply.error('ERR no such fieldset');
  };
  readonly table: ScriptedTable = {
    HIMPORT: this.himport,
    RESET: (_words, connection) => {
      this.known.delete(connection);
      return reply.simple('RESET');
    },
    ASKING: () => {
      this.asked.push('ASKING');
      return OK;
    },
    INFO: () => reply.bulk('role:master'),
  };
}

function clientOf(server: ScriptedServer, options: object = {}): Redis & Methods {
  const { port } = server;
  const redis = new Redis({ port, lazyConnect: true, himportFieldsets: FIELDSETS, ...options });
  return redis as Redis & Methods;
}

it('a connection sends its fieldsets before it is ready, and again when it has lost them', async () => {
  const importer = new Importer();
  await using server = await ScriptedServer.start(importer.table);
  const redis = clientOf(server, { retryStrategy: () => 1 });
  await redis.connect();
  assert.deepEqual(importer.asked, ['PREPARE']);
  assert.equal(await redis.himport!('SET', 'k', 'user', 'ada', 36), 'OK');
  await redis.reset!();
  assert.equal(await redis.himport!('SET', 'k', 'user', 'ada', 36), 'OK');
  assert.deepEqual(importer.asked.splice(0), ['PREPARE', 'SET', 'PREPARE', 'SET']);
  await redis.reset!();
  assert.deepEqual(await redis.pipeline([['himport', 'SET', 'k', 'user', 'ada', 36]]).exec(), [[null, 'OK']]);
  assert.deepEqual(importer.asked.splice(0), ['PREPARE', 'SET']);
  // The server forgets on its own: one more PREPARE, and the command once more.
  importer.of(server.connections.at(-1)!).clear();
  assert.equal(await redis.himport!('SET', 'k', 'user', 'ada', 36), 'OK');
  assert.deepEqual(importer.asked.splice(0), ['SET', 'PREPARE', 'SET']);
  const again = once(redis, 'ready');
  server.connections.at(-1)!.destroy();
  await again;
  assert.deepEqual(importer.asked, ['PREPARE']);
  redis.disconnect();
});

it('a refused fieldset is an error event, and the command that needs it tries again', async () => {
  const importer = new Importer();
  importer.refuse = 2;
  await using server = await ScriptedServer.start(importer.table);
  const redis = clientOf(server);
  const heard = once(redis, 'error');
  await redis.connect();
  assert.match(String(await heard), /ERR out of fieldsets/);
  await assert.rejects(redis.himport!('SET', 'k', 'user', 'ada', 36), { message: 'ERR out of fieldsets' });
  assert.equal(await redis.himport!('SET', 'k', 'user', 'ada', 36), 'OK');
  // Fieldsets that nobody named in the options stay with the caller.
  await assert.rejects(redis.himport!('SET', 'k', 'other', 1), /no such fieldset/);
  redis.disconnect();
});

it('options with invalid fieldsets are refused', () => {
  const make = (himportFieldsets: unknown): (() => Redis) => {
    return () => new Redis({ lazyConnect: true, himportFieldsets } as object);
  };
  assert.throws(make('user'), /himportFieldsets must be an array/);
  assert.throws(make([{ name: 1, fields: [] }]), /the name of a HIMPORT fieldset/);
  assert.throws(make([{ name: 'a', fields: 'b' }]), /the fields of a HIMPORT fieldset/);
  assert.throws(make([...FIELDSETS, ...FIELDSETS]), /two HIMPORT fieldsets have one name/);
});

it('a cluster sends fieldsets to every primary, and each command to the owner of its key', async () => {
  const importers = [new Importer(), new Importer()] as const;
  let asks = 0;
  const slots = (): string => {
    const row = (from: number, to: number, { port }: ScriptedServer): string => {
      const node = reply.array(reply.bulk('127.0.0.1'), reply.integer(port));
      return reply.array(reply.integer(from), reply.integer(to), node);
    };
    return reply.array(row(0, 8191, servers[0]!), row(8192, 16383, servers[1]!));
  };
  const tableOf = (importer: Importer): ScriptedTable => ({
    ...importer.table,
    'CLUSTER SLOTS': slots,
    'CLUSTER INFO': () => reply.bulk('cluster_state:ok'),
    HIMPORT: (words, connection) => {
      if (words[1] === 'SET' && asks-- > 0) return reply.error(`ASK 5061 127.0.0.1:${servers[1]!.port}`);
      return importer.himport(words, connection);
    },
  });
  const servers: ScriptedServer[] = [];
  for (const importer of importers) servers.push(await ScriptedServer.start(tableOf(importer)));
  const cluster = new Cluster([{ host: '127.0.0.1', port: servers[0]!.port }], {
    himportFieldsets: FIELDSETS,
  }) as Cluster & Methods;
  // The slot of `bar` is 5061, that of `foo` 12182.
  assert.equal(await cluster.himport!('SET', 'bar', 'user', 'ada', 36), 'OK');
  assert.equal(await cluster.himport!('SET', 'foo', 'user', 'bob', 24), 'OK');
  assert.deepEqual(
    importers.map(({ asked }) => asked.splice(0)),
    [
      ['PREPARE', 'SET'],
      ['PREPARE', 'SET'],
    ],
  );
  assert.equal(await cluster.himport!('PREPARE', 'mine', 'a'), 'OK');
  assert.equal(await cluster.himport!('DISCARD', 'mine'), 1);
  assert.deepEqual(
    importers.map(({ asked }) => asked.splice(0)),
    [
      ['PREPARE', 'DISCARD'],
      ['PREPARE', 'DISCARD'],
    ],
  );
  asks = 1;
  assert.equal(await cluster.himport!('SET', 'bar', 'user', 'ada', 37), 'OK');
  assert.deepEqual(importers[1].asked.splice(0), ['ASKING', 'SET']);
  const batch = [
    ['himport', 'PREPARE', 'mine', 'a'],
    ['himport', 'SET', 'foo', 'mine', 1],
  ];
  assert.deepEqual(await cluster.pipeline(batch).exec(), [
    [null, 'OK'],
    [null, 'OK'],
  ]);
  assert.deepEqual(
    importers.map(({ asked }) => asked.splice(0)),
    [[], ['PREPARE', 'SET']],
  );
  importers[1].refuse = 1;
  await assert.rejects(cluster.himport!('PREPARE', 'mine', 'a'), /out of fieldsets/);
  cluster.disconnect();
  for (const server of servers) await server.close();
});
