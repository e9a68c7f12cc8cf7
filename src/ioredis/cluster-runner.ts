import { resolveCommand } from '../commands/command-info.ts';
import { keysOf } from '../commands/keys.ts';
import type { CommandRequest } from '../connection/requests/request-options.ts';
import {
  ClusterCrossSlotError,
  ExecAbortError,
  RedisClusterError,
  RedisError,
  TimeoutError,
} from '../errors/errors.ts';
import type { ClusterConnectionPool } from '../pool/cluster-connection-pool.ts';
import type { RedisValue, Reply } from '../resp/types.ts';
import type { HostAndPort } from '../transport/location.ts';
import { ClusterImports } from './cluster-imports.ts';
import type { ClusterNodes } from './cluster-nodes.ts';
import type { ClusterOptions } from './cluster-options.ts';
import { ClusterReads } from './cluster-reads.ts';
import type { Command } from './command.ts';
import { isOfServer, replyErrorOf, timedOut } from './errors.ts';
import type { Pipeline, PipelineEntry } from './pipeline.ts';
import { decodingOf } from './shapes.ts';
import { Subscriber } from './subscriber.ts';

/** Commands for which a cluster pool does not choose a node; ioredis uses a random one. */
const OF_ANY_NODE: ReadonlySet<string> = new Set(
  (
    'scan keys randomkey dbsize flushall flushdb swapdb script function config acl info cluster client ' +
    'wait lolwut select readonly readwrite'
  ).split(' '),
);

/** Errors after which a read is sent again by the layout. */
const ELSEWHERE: ReadonlySet<string> = new Set([
  'MOVED',
  'ASK',
  'LOADING',
  'MASTERDOWN',
  'CLUSTERDOWN',
  'TRYAGAIN',
]);

/** Translates errors of the pool to the messages of ioredis. */
function toldOfCluster(error: Error): Error {
  if (error instanceof TimeoutError) return timedOut(error);
  if (error instanceof ClusterCrossSlotError) {
    return new Error('All the keys in a pipeline command should belong to the same slot', { cause: error });
  }
  if (error instanceof RedisClusterError && error.message.startsWith('More than ')) {
    return new Error(`Too many Cluster redirections. Last error: ${error.message}`, { cause: error });
  }
  return error;
}

/** Runs commands over the pool of a cluster. */
export class ClusterRunner {
  readonly #pool: ClusterConnectionPool<'lenient'>;
  readonly #subscriber: Subscriber;
  readonly #scripts = new Set<string>();
  readonly #timeout: { timeout?: number };
  readonly #imports: ClusterImports;
  /** Null if the pool chooses the node of every command. */
  readonly #reads: ClusterReads | null;
  /** Set when the cluster was told to disconnect. */
  left = false;

  constructor(
    pool: ClusterConnectionPool<'lenient'>,
    subscriber: Subscriber,
    nodes: ClusterNodes,
    options: ClusterOptions,
  ) {
    this.#pool = pool;
    this.#subscriber = subscriber;
    const timeout = options.redisOptions?.commandTimeout;
    this.#timeout = timeout === undefined ? {} : { timeout };
    this.#imports = new ClusterImports(pool, nodes, options);
    this.#reads = options.scaleReads === 'master' ? null : new ClusterReads(pool, options.scaleReads);
  }

  /** Sends one command. After `disconnect()` its rejection counts as handled. */
  send(command: Command): Promise<unknown> {
    const outcome: Promise<unknown> = this.#send(command, () => {
      if (this.left) outcome.catch(() => {});
    });
    return outcome;
  }

  async #send(command: Command, failing: () => void): Promise<unknown> {
    try {
      return await this.#run(command);
    } catch (error) {
      failing();
      if (!isOfServer(error)) throw command.blame(toldOfCluster(error as Error));
      const { script } = command;
      if (script === null || error.code !== 'NOSCRIPT') throw command.blame(replyErrorOf(error));
      this.#scripts.delete(script.sha);
      return this.send(command);
    }
  }

  async #run(command: Command): Promise<unknown> {
    if (Subscriber.handles(command.name)) {
      return this.#subscriber.run(this.#pool, command.name, command.args);
    }
    const { name, args, script } = command;
    if (name === 'himport') return this.#imports.run(command);
    if (script !== null) {
      const known = script.isKnown(this.#scripts);
      return known
        ? this.#execute(command, script.head, args)
        : this.#execute(command, 'eval', script.withText(args));
    }
    return this.#execute(command, name, args);
  }

  async #execute(command: Command, name: string, args: RedisValue[]): Promise<unknown> {
    const keyless = OF_ANY_NODE.has(name) && keysOf(resolveCommand(name, args), args).length === 0;
    const reply: Reply = await (keyless ? this.#anywhere(command) : this.#where(command, name, args));
    command.isSettled = true;
    return command.transformReply(reply);
  }

  #where(command: Command, name: string, args: RedisValue[]): Promise<Reply> {
    const node = this.#reads === null ? null : this.#reads.nodeOf(command);
    if (node === null) return this.#byLayout(command, name, args);
    return this.#at(node, command, name, args).then((answer) => {
      if (!(answer instanceof RedisError)) return answer;
      // If the slot has moved or the node cannot be reached, let the pool find the node.
      if (!isOfServer(answer) || ELSEWHERE.has(answer.code)) return this.#byLayout(command, name, args);
      throw answer;
    });
  }

  #byLayout({ shape }: Command, name: string, args: RedisValue[]): Promise<Reply> {
    const decode = decodingOf(shape);
    return this.#pool.executeRequest<Reply>(name, args, { decode, ...this.#timeout }) as Promise<Reply>;
  }

  async #at(
    node: HostAndPort,
    command: Command,
    name: string,
    args: RedisValue[],
  ): Promise<Reply | RedisError> {
    const options = { decode: decodingOf(command.shape), ...this.#timeout };
    const [answer] = (await this.#pool.executeOn(node, name, args, options)).values() as Iterable<Reply>;
    return answer as Reply | RedisError;
  }

  /** Runs a command on a random primary. */
  async #anywhere(command: Command): Promise<Reply> {
    await this.#pool.open();
    const answer = await this.#at(this.#pool.clusterLayout.randomNode(), command, command.name, command.args);
    if (answer instanceof RedisError) throw answer;
    return answer;
  }

  async sendPipeline(pipeline: Pipeline): Promise<void> {
    try {
      if (pipeline.special.some(({ name }) => name === 'himport')) {
        await this.#imports.sendPipeline(pipeline);
        return;
      }
      pipeline.resolve(await this.#entries(pipeline));
    } catch (error) {
      const local = error instanceof ClusterCrossSlotError || !isOfServer(error);
      pipeline.reject(local ? toldOfCluster(error as Error) : replyErrorOf(error));
    }
  }

  async #entries(pipeline: Pipeline): Promise<PipelineEntry[]> {
    const { commands } = pipeline;
    if (commands.some(({ name }) => name === 'multi')) return this.#transaction(pipeline);
    const single = commands.some(({ name, script }) => script !== null || OF_ANY_NODE.has(name));
    if (!single && !pipeline.singly) {
      const replies = await this.#pool.executeBatch(pipeline.requests(this.#scripts), this.#timeout);
      return replies.map((reply, index) => pipeline.entry(index, reply));
    }
    const outcomes = await Promise.allSettled(commands.map((command) => this.send(command)));
    return outcomes.map((outcome) =>
      outcome.status === 'fulfilled' ? [null, outcome.value] : [outcome.reason as Error],
    );
  }

  /** Runs `MULTI … EXEC`, which has one slot; the commands before and after it are sent as batches. */
  async #transaction(pipeline: Pipeline): Promise<PipelineEntry[]> {
    const { commands } = pipeline;
    const begin = commands.findIndex(({ name }) => name === 'multi');
    const end = commands.findIndex(({ name }, index) => index > begin && name === 'exec');
    const requests = pipeline.requests(this.#scripts);
    const inside = requests.slice(begin + 1, end);
    const before = await this.#batch(pipeline, requests, 0, begin);
    let entries: PipelineEntry[];
    try {
      const replies = await this.#pool.transaction(inside, this.#timeout);
      entries = [
        [null, 'OK'],
        ...inside.map((): PipelineEntry => [null, 'QUEUED']),
        pipeline.entry(end, replies as Reply),
      ];
    } catch (error) {
      entries = [...commands.slice(begin, end + 1)].map((command): PipelineEntry => {
        if (!isOfServer(error)) return [error as Error];
        const told = command.blame(replyErrorOf(error));
        return command.name === 'exec' || !(error instanceof ExecAbortError) ? [told] : [null, 'QUEUED'];
      });
    }
    return [...before, ...entries, ...(await this.#batch(pipeline, requests, end + 1, commands.length))];
  }

  async #batch(
    pipeline: Pipeline,
    requests: readonly CommandRequest[],
    from: number,
    to: number,
  ): Promise<PipelineEntry[]> {
    if (from >= to) return [];
    const replies = await this.#pool.executeBatch(requests.slice(from, to), this.#timeout);
    return replies.map((reply, index) => pipeline.entry(from + index, reply));
  }
}
