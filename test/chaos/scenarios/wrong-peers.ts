// Servers that are wrong once, at one step of one exchange, and pools of three topologies before them.
import assert from 'node:assert/strict';
import {
  ClusterConnectionPool,
  ConnectionPool,
  RedisError,
  Sentinel,
  SentinelConnectionPool,
  type TCPLocation,
} from '../../../src/index.ts';
import { reply, type ScriptedConnection, ScriptedServer } from '../../../src/testkit/index.ts';

import { pick, randomOf } from '../../support/random.ts';

/** The wrong answers in place of `right`; null sends nothing. */
type Fault = (right: string, connection: ScriptedConnection) => string | null;

const GREETING = reply.map(
  [reply.bulk('server'), reply.bulk('redis')],
  [reply.bulk('version'), reply.bulk('7.2.0')],
  [reply.bulk('proto'), reply.integer(3)],
  [reply.bulk('id'), reply.integer(1)],
);
const junk: Readonly<Record<string, string>> = {
  'an OK': reply.ok,
  'an error': reply.error('ERR nobody asked'),
  'an upper-case error': reply.error('LOADING nobody asked'),
  'an integer': reply.integer(7),
  'a null': reply.null,
  'an HTTP answer': 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n',
  'binary garbage': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  'a greeting': GREETING,
  'a push that nobody knows': reply.push(reply.bulk('rumour'), reply.bulk('x')),
  'an acknowledgement that nobody asked for': reply.push(
    reply.bulk('unsubscribe'),
    reply.null,
    reply.integer(0),
  ),
  'a push of nothing': '>0\r\n',
  'an attribute': '|1\r\n+ttl\r\n:1\r\n',
  'half a string': '$9\r\nab',
  'half an aggregate': '*3\r\n:1\r\n',
  'an endless aggregate': '*4294967295\r\n:1\r\n',
};
const faults: Record<string, Fault> = {
  silence: (_right, connection) => {
    connection.blackHole();
    return null;
  },
  'no answer to this one': () => null,
  'a reset': (_right, connection) => {
    connection.reset();
    return null;
  },
  'an end': (_right, connection) => {
    connection.end();
    return null;
  },
  'half an answer and an end': (right, connection) => {
    setImmediate(() => connection.end());
    return right.slice(0, right.length >> 1);
  },
  'the answer twice': (right) => right + right,
};
for (const [name, text] of Object.entries(junk)) {
  faults[`${name} after the answer`] = (right) => right + text;
  faults[`${name} instead of the answer`] = () => text;
}
for (const name of ['an OK', 'a greeting', 'half a string']) {
  faults[`${name} before the answer`] = (right) => junk[name] + right;
  faults[`${name} after the answer, and an end`] = (right, connection) => {
    setImmediate(() => connection.end());
    return right + junk[name];
  };
}

/** Servers that share a script; the command at `step`, counted over all of them, gets a wrong answer. */
class Peers implements AsyncDisposable {
  readonly servers: ScriptedServer[] = [];
  /** The command that was answered wrongly. */
  hit: string | null = null;
  #seen = 0;
  readonly #step: number;
  readonly #fault: Fault;

  constructor(step: number, fault: Fault) {
    this.#step = step;
    this.#fault = fault;
  }

  async add(): Promise<ScriptedServer> {
    const server = await ScriptedServer.start((args, connection) => {
      const right = this.#right(args);
      if (this.#seen++ !== this.#step) return right;
      this.hit = args.slice(0, 2).join(' ').toUpperCase();
      return this.#fault(right, connection);
    });
    this.servers.push(server);
    return server;
  }

  wellAgain(): void {
    this.#seen = Number.POSITIVE_INFINITY;
  }

  get location(): TCPLocation {
    return this.servers[0]!.location;
  }

  #right([name = '', first = '', second = '']: readonly string[]): string {
    const address = [reply.bulk(this.location.host), reply.bulk(String(this.location.port))];
    switch (`${name} ${first}`.toUpperCase()) {
      case 'CLUSTER SLOTS':
        return reply.array(
          reply.array(
            reply.integer(0),
            reply.integer(16383),
            reply.array(address[0]!, reply.integer(this.location.port), reply.bulk('a'.repeat(40))),
          ),
        );
      case 'SENTINEL GET-MASTER-ADDR-BY-NAME':
        return reply.array(...address);
      case 'SENTINEL SENTINELS':
      case 'SENTINEL REPLICAS':
        return reply.array();
      case 'SENTINEL MASTER':
        return reply.array(
          ...[reply.bulk('name'), reply.bulk(second), reply.bulk('ip'), address[0]!],
          ...[reply.bulk('port'), address[1]!, reply.bulk('flags'), reply.bulk('master')],
          ...[reply.bulk('num-other-sentinels'), reply.bulk('0')],
        );
      default:
    }
    switch (name.toUpperCase()) {
      case 'HELLO':
        return GREETING;
      case 'GET':
        return reply.bulk(`value of ${first}`);
      case 'PING':
        return first === '' ? reply.simple('PONG') : reply.bulk(first);
      case 'ROLE':
        return reply.array(reply.bulk('master'), reply.integer(0), reply.array());
      case 'SUBSCRIBE':
        return reply.push(reply.bulk('subscribe'), reply.bulk(first), reply.integer(1));
      case 'CLUSTER':
        return reply.error('ERR unknown subcommand');
      default:
        return reply.ok;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.servers) await server.close();
  }
}

const OPTIONS = {
  decodeResponses: true,
  connectTimeout: 500,
  // Longer than a busy machine stands still.
  deadPeerTimeout: 2_000,
  streamTimeout: 500,
  clientName: 'tester',
  maxConnections: 4,
  password: 'secret',
} as const;
type Pool = ConnectionPool<never, true> | ClusterConnectionPool<true> | SentinelConnectionPool<true>;

/** A pool of each topology before such servers, and how it is ended. */
const topologies: Readonly<Record<string, (peers: Peers) => Promise<{ pool: Pool; end(): Promise<void> }>>> =
  {
    'one server': async (peers) => {
      const { location } = await peers.add();
      const pool = new ConnectionPool({ location, db: 2, ...OPTIONS }) as never as Pool;
      return { pool, end: () => pool.close({ timeout: 100 }) };
    },
    'a cluster': async (peers) => {
      const { location } = await peers.add();
      const pool = new ClusterConnectionPool({
        startupNodes: [location],
        readFromReplicas: true,
        ...OPTIONS,
      });
      return { pool, end: () => pool.close({ timeout: 100 }) };
    },
    'a primary behind sentinels': async (peers) => {
      await peers.add();
      const sentinels = [await peers.add(), await peers.add()].map(({ location }) => location);
      const manager = new Sentinel({ sentinels, connectTimeout: 500, streamTimeout: 500 });
      const pool = new SentinelConnectionPool({
        serviceName: 'm',
        sentinelManager: manager,
        ...OPTIONS,
      });
      const end = async (): Promise<void> => {
        await pool.close({ timeout: 100 });
        await manager.close();
      };
      return { pool, end };
    },
  };

async function settled(promise: Promise<unknown>): Promise<unknown> {
  try {
    return await promise;
  } catch (error) {
    assert.ok(error instanceof RedisError, String(error));
    return error;
  }
}

/** The wrong answer came over a connection that is in use. */
function live({ hit }: Peers): boolean {
  return hit !== null && /^(GET|PING)/.test(hit);
}

/** The command that was wrong, or null where the exchange has fewer commands than that. */
async function wrongAt(step: number, topology: string, fault: Fault): Promise<string | null> {
  await using peers = new Peers(step, fault);
  const { pool, end } = await topologies[topology]!(peers);
  const calls = ['a', 'b', 'c'].map(async (key) => {
    const value = await settled(pool.executeRequest('GET', [key], { timeout: 3_000 }));
    // A server that is wrong about the values themselves, or on the connection that they come over, is believed.
    if (!(value instanceof Error) && !live(peers))
      assert.equal(value, `value of ${key}`, `after a wrong answer to ${peers.hit}`);
  });
  await Promise.all(calls);
  peers.wellAgain();
  if (live(peers)) pool.disconnect();
  const later = await settled(pool.executeRequest('GET', ['later'], { timeout: 10_000 }));
  assert.equal(later, 'value of later', `after a wrong answer to ${peers.hit}: ${String(later)}`);
  await end();
  const { activeConnections, connectingConnections, waiting } = pool.statistics;
  assert.deepEqual([activeConnections, connectingConnections, waiting], [0, 0, 0]);
  return peers.hit;
}

/** More than each of them takes up to its first values. */
const STEPS: Readonly<Record<string, number>> = {
  'one server': 10,
  'a cluster': 18,
  'a primary behind sentinels': 32,
};
export const TOPOLOGIES = Object.keys(STEPS);
/** Exchanges at one time: most of them wait for a limit. */
const LANES = 32;

export interface Sweep {
  /** Exchanges with a wrong answer in them. */
  readonly wrong: number;
  /** The commands that were answered wrongly, and how. */
  readonly hits: ReadonlyMap<string, ReadonlySet<string>>;
  readonly failures: readonly string[];
}

/**
 * Each wrong answer at each step, in random order, until the seconds are over; null: all of them. The first ones are at
 * every step.
 */
export async function sweep(topology: string, seed: number, seconds: number | null): Promise<Sweep> {
  const random = randomOf(seed);
  const names = Object.keys(faults);
  const steps = Array.from({ length: STEPS[topology]! }, (_, step) => step);
  const first = steps.map((step) => ({ step, name: pick(random, names), rank: -1 }));
  const all = steps.flatMap((step) => names.map((name) => ({ step, name, rank: random() })));
  const cases = [...first, ...all.sort((one, other) => one.rank - other.rank)];
  const hits = new Map<string, Set<string>>();
  const failures: string[] = [];
  let wrong = 0;
  const end = performance.now() + (seconds ?? Number.POSITIVE_INFINITY) * 1000;
  const lane = async (): Promise<void> => {
    for (let next = cases.shift(); next !== undefined; next = cases.shift()) {
      if (next.rank >= 0 && performance.now() >= end) return;
      const { step, name } = next;
      try {
        const hit = await wrongAt(step, topology, faults[name]!);
        if (hit === null) continue;
        wrong++;
        hits.set(hit, (hits.get(hit) ?? new Set()).add(name));
      } catch (error) {
        failures.push(`${topology}, ${name} at step ${step}: ${String(error)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return { wrong, hits, failures };
}

/** Everything, for `npm run chaos -- wrong-peers`. */
export async function wrongPeers({
  seed,
}: {
  seed: number;
}): Promise<{ lines: string[]; violations: string[] }> {
  const lines: string[] = [];
  const violations: string[] = [];
  for (const topology of TOPOLOGIES) {
    const { wrong, failures, hits } = await sweep(topology, seed, null);
    lines.push(`${topology} (seed ${seed}): ${wrong} wrong answers to ${[...hits.keys()].sort().join(', ')}`);
    violations.push(...failures);
    for (const command of ['HELLO 3', 'CLIENT SETINFO'])
      for (const name of Object.keys(faults))
        if (hits.get(command)?.has(name) !== true) violations.push(`${topology}: no ${name} to ${command}`);
  }
  lines.push(...violations.slice(0, 20).map((text) => `  ! ${text}`));
  lines.push(violations.length === 0 ? '  no violation' : `  ${violations.length} VIOLATIONS`);
  return { lines, violations };
}
