import type { CommandInfo } from '../commands/command-info.ts';
import type { BaseConnection } from '../connection/base-connection.ts';
import { splitAddress, watchEntry } from '../connection/requests/request-traces.ts';
import type { Lease } from '../interfaces/abstract-pool.ts';
import type { RedisValue } from '../resp/types.ts';
import { channels } from '../telemetry/channels.ts';
import {
  type AcquireTrace,
  type BatchTrace,
  type CommandTrace,
  type EndTrace,
  type SubscribeTrace,
  traces,
} from '../telemetry/traces.ts';
import type { PoolCall } from './calls/pool-call.ts';

/** Shows arguments to those who trace commands; each string stands for one argument, or for what it likes. */
export type SanitizeArguments = (command: string, args: readonly RedisValue[]) => readonly string[];

/** The batch that a command is part of. */
interface PartOf {
  readonly batchMode: 'PIPELINE' | 'MULTI';
  readonly batchSize: number;
}

interface PoolPlace {
  readonly poolName: string;
  readonly database: number;
  readonly serverAddress: string;
  readonly serverPort: number | undefined;
}

/** The traces of one pool. Callers check first that a trace has subscribers. */
export class PoolTraces {
  readonly #place: PoolPlace;
  readonly #sanitize: SanitizeArguments | null;

  /** `poolName`: as the pool is configured; where it has several servers, the first stands for the address. */
  constructor(poolName: string, database: number, sanitize: SanitizeArguments | null) {
    const { host, port } = splitAddress(poolName.split(',')[0] ?? '');
    this.#place = { poolName, database, serverAddress: host, serverPort: port };
    this.#sanitize = sanitize;
  }

  get poolName(): string {
    return this.#place.poolName;
  }

  /** Traces a call. Where `make` has not tied the trace to a call of its own, the promise ends it. */
  command<R extends Promise<unknown>>(
    info: CommandInfo,
    args: readonly RedisValue[],
    part: PartOf | null,
    make: (watch: (call: PoolCall) => void) => R,
  ): R {
    const trace: CommandTrace = {
      ...this.#place,
      command: info.name,
      args: this.#shown(info, args),
      ...part,
      queueTime: null,
      attempts: 0,
      maybeExecuted: false,
    };
    return traces.command.begin(trace, (end) => {
      let tied = false;
      const promise = make((call) => {
        tied = true;
        watchCall(call, trace, end);
      });
      if (!tied) promise.then(() => end(), end);
      return promise;
    });
  }

  /** Traces a command of a batch. */
  part(call: PoolCall, args: readonly RedisValue[], part: PartOf): void {
    void this.command(call.info, args, part, (watch) => {
      watch(call);
      return call.promise;
    });
  }

  batch<R>(kind: 'batch' | 'transaction', commands: readonly string[], make: () => Promise<R>): Promise<R> {
    const batchMode = kind === 'batch' ? 'PIPELINE' : 'MULTI';
    const trace: BatchTrace = { ...this.#place, batchMode, batchSize: commands.length, commands };
    return traces[kind].promise(trace, make);
  }

  acquire<R>(make: () => Promise<R>): Promise<R> {
    const { serverAddress, serverPort, poolName } = this.#place;
    const trace: AcquireTrace = { poolName, serverAddress, serverPort };
    return traces.acquire.promise(trace, make);
  }

  /** Publishes how long a caller waited for its connection. */
  timeWait(take: () => Promise<Lease<BaseConnection>>): () => Promise<Lease<BaseConnection>> {
    return async () => {
      const begun = performance.now();
      const lease = await take();
      channels.poolWait.publish({
        poolName: this.#place.poolName,
        address: lease.connection.location.toString(),
        waitTime: performance.now() - begun,
      });
      return lease;
    };
  }

  subscribe<R>(command: string, channels: number, make: () => Promise<R>): Promise<R> {
    const trace: SubscribeTrace = { ...this.#place, command: command.toUpperCase(), channels };
    return traces.subscribe.promise(trace, make);
  }

  #shown(info: CommandInfo, args: readonly RedisValue[]): readonly string[] {
    if (this.#sanitize === null) return args.map(() => '?');
    try {
      return this.#sanitize(info.name, args);
    } catch {
      // Telemetry never fails a call; nothing is shown.
      return args.map(() => '?');
    }
  }
}

/** Ends the trace when the call settles, wherever that is. */
function watchCall(call: PoolCall, trace: CommandTrace, end: EndTrace): void {
  watchEntry(call, trace, end, () => {
    trace.attempts = call.attempts;
    trace.maybeExecuted = call.maybeExecuted;
    if (call.node === null) return;
    const { host, port } = splitAddress(call.node.address);
    trace.peerAddress = host;
    trace.peerPort = port;
  });
}
