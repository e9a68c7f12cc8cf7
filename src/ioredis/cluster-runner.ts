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
import type { Command } from './command.ts';
import { isOfServer, replyErrorOf, timedOut } from './errors.ts';
import type { Pipeline, PipelineEntry } from './pipeline.ts';
import { decodingOf } from './shapes.ts';
import { Subscriber } from './subscriber.ts';

/** Commands that a cluster pool sends to no node of its own choice: ioredis asks a random one. */
const OF_ANY_NODE: ReadonlySet<string> = new Set(
  (
    'scan keys randomkey dbsize flushall flushdb swapdb script function config acl info cluster client ' +
    'wait lolwut select readonly readwrite'
  ).split(' '),
);

/** Errors of the pool by the words that callers of ioredis know. */
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

/** Carries commands out over the pool of a cluster. */
export class ClusterRunner {
  readonly #pool: ClusterConnectionPool<'lenient'>;
  readonly #subscriber: Subscriber;
  readonly #scripts = new Set<string>();
  readonly #timeout: { timeout?: number };
  /** Its cluster was told to disconnect. */
  left = false;

  constructor(pool: ClusterConnectionPool<'lenient'>, subscriber: Subscriber, timeout: number | undefined) {
    this.#pool = pool;
    this.#subscriber = subscriber;
    this.#timeout = timeout === undefined ? {} : { timeout };
  }

  /** Sends one command; once the cluster was left, nobody has to hear how it ended. */
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
    if (script !== null) {
      const known = script.isKnown(this.#scripts);
      return known
        ? this.#execute(command, script.head, args)
        : this.#execute(command, 'eval', script.withText(args));
    }
    return this.#execute(command, name, args);
  }

  async #execute(command: Command, name: string, args: RedisValue[]): Promise<unknown> {
    const decode = decodingOf(command.shape);
    const keyless = OF_ANY_NODE.has(name) && keysOf(resolveCommand(name, args), args).length === 0;
    const reply: Reply = keyless
      ? await this.#anywhere(command)
      : await this.#pool.executeRequest<Reply>(name, args, { decode, ...this.#timeout });
    command.isSettled = true;
    return command.transformReply(reply);
  }

  /** A random primary's answer. */
  async #anywhere({ name, args, shape }: Command): Promise<Reply> {
    await this.#pool.open();
    const { primaries } = this.#pool.clusterLayout;
    const node = primaries[Math.floor(Math.random() * primaries.length)]!;
    const answers = await this.#pool.executeOn(node, name, args, {
      decode: decodingOf(shape),
      ...this.#timeout,
    });
    const [answer] = answers.values() as Iterable<Reply>;
    if (answer instanceof RedisError) throw answer;
    return answer as Reply;
  }

  async sendPipeline(pipeline: Pipeline): Promise<void> {
    try {
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

  /** `MULTI … EXEC` of one slot; what stands around it goes on its own. */
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
