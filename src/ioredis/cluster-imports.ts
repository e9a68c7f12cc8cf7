import { once } from 'node:events';
import type { ClusterConnectionPool } from '../pool/cluster-connection-pool.ts';
import type { HostAndPort } from '../transport/location.ts';
import type { ClusterOptions } from './cluster-options.ts';
import type { ClusterNodes } from './cluster-nodes.ts';
import { Command } from './command.ts';
import { CONNECTION_CLOSED, ReplyError } from './errors.ts';
import { himportKind, within } from './fieldsets.ts';
import type { Pipeline } from './pipeline.ts';
import type { Redis } from './redis.ts';
import { reached } from './redis-options.ts';

const OF_ALL_PRIMARIES: ReadonlySet<string> = new Set(['PREPARE', 'DISCARD', 'DISCARDALL']);

/**
 * `HIMPORT` on a cluster. Fieldsets belong to a connection, and pooled connections are shared, so these commands go
 * over the clients of the single nodes.
 */
export class ClusterImports {
  readonly #pool: ClusterConnectionPool<'lenient'>;
  readonly #nodes: ClusterNodes;
  readonly #options: ClusterOptions;

  constructor(pool: ClusterConnectionPool<'lenient'>, nodes: ClusterNodes, options: ClusterOptions) {
    this.#pool = pool;
    this.#nodes = nodes;
    this.#options = options;
  }

  async run(command: Command): Promise<unknown> {
    await this.#pool.open();
    if (OF_ALL_PRIMARIES.has(himportKind(command))) return this.#everywhere(command);
    const limit = this.#options.redisOptions?.commandTimeout;
    return within(limit, (over) => this.#atOwner(command, over));
  }

  /** Runs the command on every primary; returns the reply of the first. */
  async #everywhere(command: Command): Promise<unknown> {
    const asked = this.#pool.clusterLayout.primaries.map(async (node) =>
      this.#ask(this.#nodes.at(node), command),
    );
    const outcomes = await Promise.allSettled(asked);
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    return (outcomes[0] as PromiseFulfilledResult<unknown> | undefined)?.value;
  }

  async #atOwner(command: Command, over: () => boolean): Promise<unknown> {
    let redis = this.#nodes.at(this.#ownerOf([command]));
    let asking = false;
    for (let left = this.#options.maxRedirections ?? 16; ; left--) {
      try {
        if (!asking) return await this.#ask(redis, command);
        await ready(redis);
        // The call has timed out, so nothing is sent.
        return over() ? null : await this.#askOff(redis, command);
      } catch (error) {
        const target = left > 0 ? redirected(error as Error) : null;
        if (target === null) throw error;
        asking = target.asking;
        if (!asking) await this.#pool.refreshLayout();
        redis = this.#nodes.at(reached(target, this.#options.natMap));
      }
    }
  }

  #ask(redis: Redis, command: Command): Promise<unknown> {
    return redis.sendCommand(again(command)) as Promise<unknown>;
  }

  /** Sends a command after ASKING, in one pipeline, because ASKING covers only the next command. */
  async #askOff(redis: Redis, command: Command): Promise<unknown> {
    const pipeline = redis.pipeline();
    pipeline.sendCommand(new Command('asking'));
    pipeline.sendCommand(again(command));
    const [, entry] = (await pipeline.exec()) as [unknown, [Error | null, unknown]];
    if (entry[0]) throw entry[0];
    return entry[1];
  }

  /** Sends a pipeline to the node of its first key, because only that connection knows the fieldsets it prepares. */
  async sendPipeline(pipeline: Pipeline): Promise<void> {
    await this.#pool.open();
    this.#nodes.at(this.#ownerOf(pipeline.commands)).sendPipeline(pipeline);
  }

  #ownerOf(commands: readonly Command[]): HostAndPort {
    const { clusterLayout } = this.#pool;
    const [key] = commands.flatMap((command) => command.getKeys());
    return key === undefined ? clusterLayout.randomNode() : clusterLayout.nodeForKey(key);
  }
}

/** A copy of a command that settles separately. */
function again({ name, args, shape }: Command): Command {
  const replyEncoding = shape.text ? 'utf8' : null;
  return new Command(name, args, { replyEncoding, stringNumbers: shape.stringNumbers });
}

async function ready(redis: Redis): Promise<void> {
  if (redis.status === 'ready') return;
  if (redis.status === 'wait') return redis.connect();
  const left = new AbortController();
  const gone = (): void => left.abort(new Error(CONNECTION_CLOSED));
  redis.once('end', gone);
  try {
    await once(redis, 'ready', { signal: left.signal });
  } finally {
    redis.off('end', gone);
  }
}

/** The target of a `MOVED` or `ASK` error; null for other errors. */
function redirected(error: Error): (HostAndPort & { asking: boolean }) | null {
  if (!(error instanceof ReplyError)) return null;
  const found = /^(MOVED|ASK) \d+ (.*):(\d+)$/.exec(error.message);
  return found === null ? null : { host: found[2]!, port: Number(found[3]), asking: found[1] === 'ASK' };
}
