// A canary serves as password and value: it may be sent, but never shown.
import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import {
  AbstractCredentialProvider,
  type BaseConnection,
  ConnectionPool,
  type ConnectionPoolOptions,
} from '../../src/index.ts';
import {
  FaultProxy,
  type ProxyFaultChoice,
  reply,
  ScriptedServer,
  startServer,
} from '../../src/testkit/index.ts';

const CANARY = 'canary-5b1f';
const CHANNELS = ['command', 'batch', 'transaction', 'connect', 'acquire', 'subscribe'].flatMap((name) =>
  ['start', 'end', 'asyncStart', 'asyncEnd', 'error'].map((part) => `tracing:respool:${name}:${part}`),
);
const POINTS = [
  'respool:pool:state',
  'respool:pool:leak',
  'respool:connection:open',
  'respool:connection:close',
];

/** Every text form of a value. */
function shown(thing: unknown): string {
  const texts = [String(thing), inspect(thing, { depth: 10, showHidden: false })];
  if (thing instanceof Error)
    texts.push(thing.message, thing.stack ?? '', inspect(thing.cause, { depth: 10 }));
  try {
    texts.push(
      JSON.stringify(thing, (_, value) => (typeof value === 'bigint' ? String(value) : (value as unknown))),
    );
  } catch {
    // circular: `inspect` has shown it
  }
  return texts.join('\n');
}

type Row = (pool: ConnectionPool<BaseConnection, true>) => Promise<unknown>;

/** Runs a row; whatever it returns, throws, publishes or prints must not hold the canary. */
async function quiet(pool: ConnectionPool<BaseConnection, true>, row: Row): Promise<void> {
  const heard: string[] = [];
  const listen = (message: unknown): void => void heard.push(shown(message));
  const warn = (warning: Error): void => void heard.push(shown(warning));
  for (const name of [...CHANNELS, ...POINTS]) subscribe(name, listen);
  process.on('warning', warn);
  try {
    const outcome = await row(pool).catch((error: unknown) => error);
    heard.push(shown(outcome), shown(pool), shown(pool.statistics), shown(pool.telemetryAttributes()));
  } finally {
    for (const name of [...CHANNELS, ...POINTS]) unsubscribe(name, listen);
    process.off('warning', warn);
    await pool.close({ timeout: 50 });
  }
  const leaking = heard.filter((text) => text.includes(CANARY));
  assert.deepEqual(leaking, []);
  assert.ok(heard.length > 3);
}

const COMMON = {
  decodeResponses: true,
  connectTimeout: 300,
  streamTimeout: 300,
  acquireTimeout: 600,
} as const;
const set: Row = (pool) => pool.executeRequest('SET', ['key', CANARY], { timeout: 500 });
const server = await startServer({ requirepass: CANARY });
test.after(() => server.stop());

describe('no error, event or text of a pool shows the canary', () => {
  const faults: ProxyFaultChoice[] = [
    'drop',
    'duplicate',
    'garbage',
    'truncate',
    'reset',
    'half-close',
    'black-hole',
  ];
  faults.push({ kind: 'replace', bytes: `-ERR ${CANARY}\r\n`.replace(CANARY, 'it was refused') });
  for (const fault of faults)
    for (const at of ['HELLO', 'CLIENT SETINFO', 'SET'])
      test(`the canary stays hidden: ${typeof fault === 'string' ? fault : fault.kind} at the reply to ${at}`, async () => {
        await using proxy = await FaultProxy.start(server);
        proxy.on('reply', ({ command }) => (command === at ? fault : undefined));
        await quiet(new ConnectionPool({ location: proxy.location, password: CANARY, ...COMMON }), set);
      });

  const refusals: Readonly<Record<string, Row>> = {
    'a wrong command': (pool) => pool.execute(`NONSENSE`, CANARY),
    'a wrong argument': (pool) => pool.execute('SET', 'k', 'v', CANARY),
    'a wrong type': (pool) => pool.execute('SET', 'k', { secret: CANARY } as never),
    'an ACL modifier': (pool) => pool.execute('ACL', 'SETUSER', 'bob', CANARY),
    'CONFIG SET': (pool) => pool.execute('CONFIG', 'SET', 'requirepassword', CANARY),
    MIGRATE: (pool) => pool.execute('MIGRATE', '127.0.0.1', 1, 'k', 0, 10, 'AUTH', CANARY),
    'a script that repeats it': (pool) =>
      pool.execute('EVAL', 'return redis.error_reply(ARGV[1])', 0, `ERR ${CANARY}`),
    'a transaction': (pool) =>
      pool.transaction(
        [
          { command: 'SET', args: ['k', CANARY] },
          { command: 'INCR', args: ['k', CANARY] },
        ],
        {
          throwErrors: true,
        },
      ),
    'a batch': (pool) => pool.executeBatch([{ command: 'SET', args: ['k', CANARY, CANARY] }]),
    'a leak': async (pool) => {
      const lease = await pool.acquire();
      const call = lease.connection.createRequest('SET', ['k', CANARY]);
      return [inspect(call), inspect(lease, { depth: 10 })];
    },
    'an overload': (pool) => {
      const calls = Array.from({ length: 5 }, () =>
        pool.executeRequest('BLPOP', [CANARY, 0], { timeout: 50 }),
      );
      return Promise.allSettled(calls);
    },
  };
  for (const [name, row] of Object.entries(refusals))
    test(`the canary stays hidden: ${name}`, async () => {
      await quiet(
        new ConnectionPool({ location: server.location, password: CANARY, maxConnections: 2, ...COMMON }),
        row,
      );
    });

  const wrong: Readonly<Record<string, Partial<ConnectionPoolOptions<BaseConnection, true>>>> = {
    'a wrong password': { password: `${CANARY}-wrong` },
    'a wrong user': { username: 'nobody', password: CANARY },
    'a provider that throws it': {
      credentialProvider: new (class extends AbstractCredentialProvider {
        override getCredentials(): Promise<{ username: string; password: string }> {
          return Promise.resolve({ username: 'nobody', password: CANARY });
        }
      })(),
    },
  };
  for (const [name, options] of Object.entries(wrong))
    test(`the canary stays hidden: ${name}`, () =>
      quiet(new ConnectionPool({ location: server.location, ...COMMON, ...options }), set));

  test('a server that repeats the password does not make it known', async () => {
    await using peer = await ScriptedServer.start({
      HELLO: (command) => reply.error(`WRONGPASS invalid password '${String(command.at(-1))}'`),
    });
    await quiet(new ConnectionPool({ location: peer.location, password: CANARY, ...COMMON }), set);
  });

  for (const url of [
    `redis://:${CANARY}@host:notaport`,
    `redis://user:${CANARY}@host/0?nobody=knows`,
    `redis://host?password=${CANARY}&password=${CANARY}`,
    `http://:${CANARY}@host`,
  ])
    test(`the error of the URL ${url.replaceAll(CANARY, '…')} hides the canary`, () => {
      assert.throws(
        () => ConnectionPool.fromUrl(url),
        (error) => error instanceof TypeError && !shown(error).includes(CANARY),
      );
    });
});
