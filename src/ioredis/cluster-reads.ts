import { resolveCommand } from '../commands/command-info.ts';
import { READONLY } from '../commands/flags.ts';
import { keySlot } from '../commands/key-slot.ts';
import type { ClusterConnectionPool } from '../pool/cluster-connection-pool.ts';
import type { HostAndPort } from '../transport/location.ts';
import type { ClusterOptions } from './cluster-options.ts';
import type { Command } from './command.ts';

/** Chooses nodes for reads that the pool does not send to replicas itself. */
export class ClusterReads {
  readonly #pool: ClusterConnectionPool<'lenient'>;
  readonly #scaleReads: NonNullable<ClusterOptions['scaleReads']>;

  constructor(pool: ClusterConnectionPool<'lenient'>, scaleReads: ClusterOptions['scaleReads']) {
    this.#pool = pool;
    this.#scaleReads = scaleReads ?? 'master';
  }

  /** The node chosen by a function, or for a read-only script; null if the pool decides. */
  nodeOf(command: Command): HostAndPort | null {
    const choose = this.#scaleReads;
    if (choose === 'master' || (typeof choose !== 'function' && !command.isReadOnly)) return null;
    const info = resolveCommand(command.head, command.args);
    if (!command.isReadOnly && (info.flags & READONLY) === 0) return null;
    const [key] = command.getKeys();
    const { clusterLayout } = this.#pool;
    const shard = key === undefined ? undefined : clusterLayout.shardForSlot(keySlot(key));
    if (shard === undefined) return null;
    const { primary, replicas } = shard;
    if (choose === 'slave') return oneOf(replicas) ?? primary;
    const nodes = [primary, ...replicas];
    if (choose === 'all') return oneOf(nodes) ?? primary;
    const names = nodes.map(({ host, port }) => `${host}:${port}`);
    const given: unknown = (choose as (nodes: string[], command: Command) => unknown)(names, command);
    const name: unknown = Array.isArray(given) ? oneOf(given) : given;
    return clusterLayout.nodes.find(({ host, port }) => `${host}:${port}` === name) ?? primary;
  }
}

function oneOf<T>(list: readonly T[]): T | undefined {
  return list[Math.floor(Math.random() * list.length)];
}
