import { createHistogram } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Reply } from '../../index.ts';
import { type InfoFields, onPrimaries, parseInfo, total } from '../server-info.ts';
import { type Call, type AnyPool, openPool } from '../target.ts';
import { bytes, integer, milliseconds, printable, sparkline, table, type Terminal } from '../terminal.ts';

const HISTORY = 40;
const PINGS = 20;
const SLOWEST = 5;

interface Picture {
  readonly servers: readonly InfoFields[];
  /** Round trips in milliseconds. */
  readonly latency: { readonly p50: number; readonly p99: number; readonly max: number };
  readonly slow: readonly SlowCommand[];
}

interface SlowCommand {
  readonly at: number;
  /** Microseconds. */
  readonly took: number;
  readonly command: string;
}

/** Shows live figures of a server or a cluster, and of the pool that reads them. */
export async function top({ options, terminal, target, signal }: Call): Promise<number> {
  const pause = options.number('interval', 1) * 1_000;
  const until = Date.now() + options.number('seconds', Number.MAX_SAFE_INTEGER / 1_000) * 1_000;
  await using pool = openPool(target);
  const rates: number[] = [];
  while (!signal.aborted && Date.now() < until) {
    const picture = await take(pool, target.timeout);
    rates.push(total(picture.servers, 'instantaneous_ops_per_sec'));
    if (rates.length > HISTORY) rates.shift();
    if (options.json) terminal.line(JSON.stringify(figuresOf(picture, pool)));
    else terminal.draw(drawn(picture, pool, rates, terminal, target.shown), lineOf(picture));
    await sleep(pause, undefined, { signal }).catch(() => {});
  }
  return 0;
}

async function take(pool: AnyPool, timeout: number): Promise<Picture> {
  const servers = (await onPrimaries(pool, 'INFO', [], timeout)).map((reply) => parseInfo(String(reply)));
  const histogram = createHistogram();
  for (let index = 0; index < PINGS; index++) {
    const begun = performance.now();
    await pool.executeRequest('PING', [], { timeout });
    histogram.record(Math.max(1, Math.round((performance.now() - begun) * 1_000)));
  }
  const at = (percentile: number): number => histogram.percentile(percentile) / 1_000;
  const slow = (await onPrimaries(pool, 'SLOWLOG', ['GET', String(SLOWEST)], timeout)).flatMap(slowCommands);
  slow.sort((a, b) => b.at - a.at);
  return {
    servers,
    latency: { p50: at(50), p99: at(99), max: histogram.max / 1_000 },
    slow: slow.slice(0, SLOWEST),
  };
}

/** Reads the slow log. Shows only command names, because arguments may be secret. */
function slowCommands(reply: Reply): SlowCommand[] {
  if (!Array.isArray(reply)) return [];
  return reply.filter(Array.isArray).map(([, at, took, args]) => ({
    at: Number(at),
    took: Number(took),
    command: Array.isArray(args) ? `${String(args[0])} (${args.length - 1} arguments)` : '',
  }));
}

function figuresOf({ servers, latency, slow }: Picture, pool: AnyPool): Record<string, unknown> {
  const sum = (name: string): number => total(servers, name);
  return {
    at: Date.now(),
    servers: servers.length,
    operationsPerSecond: sum('instantaneous_ops_per_sec'),
    latency,
    clients: sum('connected_clients'),
    blockedClients: sum('blocked_clients'),
    usedMemory: sum('used_memory'),
    keyspaceHits: sum('keyspace_hits'),
    keyspaceMisses: sum('keyspace_misses'),
    slow,
    pool: pool.statistics,
  };
}

function drawn(
  picture: Picture,
  pool: AnyPool,
  rates: readonly number[],
  terminal: Terminal,
  where: string,
): string[] {
  const { servers, latency, slow } = picture;
  const sum = (name: string): number => total(servers, name);
  const first = servers[0];
  const version = first?.get('valkey_version') ?? first?.get('redis_version') ?? '?';
  const name = first?.has('valkey_version') === true ? 'Valkey' : 'Redis';
  const hits = sum('keyspace_hits');
  const asked = hits + sum('keyspace_misses');
  const { activeConnections, waiting } = pool.statistics;
  const rows = table([
    ['operations/s', integer(sum('instantaneous_ops_per_sec')), terminal.style('cyan', sparkline(rates))],
    [
      'round trip',
      `p50 ${milliseconds(latency.p50)}`,
      `p99 ${milliseconds(latency.p99)}, max ${milliseconds(latency.max)}`,
    ],
    [
      'memory',
      bytes(sum('used_memory')),
      sum('maxmemory') > 0 ? `of ${bytes(sum('maxmemory'))}` : 'no limit',
    ],
    [
      'clients',
      integer(sum('connected_clients')),
      `${integer(sum('blocked_clients'))} blocked, limit ${integer(sum('maxclients'))}`,
    ],
    [
      'keys found',
      asked === 0 ? '–' : `${((100 * hits) / asked).toFixed(1)} %`,
      `evicted ${integer(sum('evicted_keys'))}, expired ${integer(sum('expired_keys'))}`,
    ],
    [
      'network',
      `in ${bytes(1_024 * sum('instantaneous_input_kbps'))}/s`,
      `out ${bytes(1_024 * sum('instantaneous_output_kbps'))}/s`,
    ],
    [
      'this tool',
      `${activeConnections} ${activeConnections === 1 ? 'connection' : 'connections'}`,
      `${waiting} waiting`,
    ],
  ]);
  return [
    terminal.style(
      'bold',
      `${name} ${version} · ${where}${servers.length > 1 ? ` · ${servers.length} primaries` : ''}`,
    ),
    ...rows.map((row) => `  ${row}`),
    terminal.style('bold', 'Slow log'),
    ...slowLog(slow),
  ];
}

function slowLog(slow: readonly SlowCommand[]): string[] {
  if (slow.length === 0) return ['  empty'];
  return slow.map(({ at, took, command }) => {
    const time = new Date(at * 1_000).toISOString().slice(11, 19);
    return `  ${time}  ${milliseconds(took / 1_000).padStart(9)}  ${printable(command)}`;
  });
}

function lineOf({ servers, latency }: Picture): string {
  const rate = integer(total(servers, 'instantaneous_ops_per_sec'));
  const memory = bytes(total(servers, 'used_memory'));
  return `${rate} ops/s  p50 ${milliseconds(latency.p50)}  p99 ${milliseconds(latency.p99)}  ${memory}  ${total(servers, 'connected_clients')} clients`;
}
