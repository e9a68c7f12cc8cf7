import type { CommandInfo } from '../commands/command-info.ts';
import type { BaseConnection } from '../connection/base-connection.ts';
import {
  CommandRecord,
  type ConfiguredPlace,
  noteHost,
  type PartOf,
  type Peer,
  peerAt,
  type SanitizeArguments,
  shownArguments,
  TracedCommand,
} from '../connection/requests/request-traces.ts';
import type { Lease } from '../interfaces/abstract-pool.ts';
import type { RedisValue } from '../resp/types.ts';
import { channels } from '../telemetry/channels.ts';
import { type AcquireTrace, type BatchTrace, type SubscribeTrace, traces } from '../telemetry/traces.ts';
import type { PoolCall } from './calls/pool-call.ts';

/** Where a call went, for its trace. */
interface Destination {
  peerAddress?: string | undefined;
  peerPort?: number | undefined;
  clientId?: number | undefined;
}

/** Notes in a trace which connection answered the call, or which node it was for. */
function noteDestination(trace: Destination, { host, node }: PoolCall): void {
  if (host !== null) return noteHost(trace, host);
  if (node === null) return;
  const peer: Peer = peerAt(node.address);
  trace.peerAddress = peer.host;
  trace.peerPort = peer.port;
}

/** A command of a pool that is traced. */
export class TracedCall extends TracedCommand {
  protected override describe(call: PoolCall): void {
    const { trace } = this;
    trace.attempts = call.attempts;
    trace.maybeExecuted = call.maybeExecuted;
    noteDestination(trace, call);
  }
}

/** The calls behind a batch or a transaction, as soon as they are made. */
export type WatchCalls = (calls: readonly PoolCall[]) => void;

/** The traces of one pool. Callers check first that a trace has subscribers. */
export class PoolTraces {
  readonly #place: ConfiguredPlace & { readonly poolName: string };
  readonly #sanitize: SanitizeArguments | null;

  /** `poolName`: as the pool is configured; where it has several servers, the first stands for the address. */
  constructor(poolName: string, database: number, sanitize: SanitizeArguments | null) {
    const { host, port } = peerAt(poolName.split(',')[0] ?? '');
    this.#place = { poolName, database, serverAddress: host, serverPort: port };
    this.#sanitize = sanitize;
  }

  get poolName(): string {
    return this.#place.poolName;
  }

  /** Traces a call. Where `make` has not made the trace follow a call of its own, the promise ends it. */
  command<R extends Promise<unknown>>(
    info: CommandInfo,
    args: readonly RedisValue[],
    make: (traced: TracedCall) => R,
  ): R {
    const shown = shownArguments(this.#sanitize, info.name, args);
    const trace = new CommandRecord(this.#place, info.name, shown, null);
    return traces.command.begin(trace, TracedCall, (traced) => {
      const promise = make(traced);
      if (!traced.following)
        promise.then(
          () => traced.end(),
          (error: unknown) => traced.fail(error),
        );
      return promise;
    });
  }

  /** Traces a call that is made, and not started yet. `part`: the batch that it belongs to. */
  follow(call: PoolCall, args: readonly RedisValue[], part: PartOf | null): void {
    const shown = shownArguments(this.#sanitize, call.info.name, args);
    const trace = new CommandRecord(this.#place, call.info.name, shown, part);
    traces.command.begin(trace, TracedCall, (traced) => traced.follow(call));
  }

  /** The trace tells the connection of the last of the calls. */
  batch<R>(
    kind: 'batch' | 'transaction',
    commands: readonly string[],
    make: (watch: WatchCalls) => Promise<R>,
  ): Promise<R> {
    const batchMode = kind === 'batch' ? 'PIPELINE' : 'MULTI';
    const trace: BatchTrace = { ...this.#place, batchMode, batchSize: commands.length, commands };
    let last: PoolCall | undefined;
    const complete = (): void => {
      if (last !== undefined) noteDestination(trace, last);
    };
    const watch: WatchCalls = (calls) => {
      last = calls.at(-1);
    };
    return traces[kind].promise(trace, () => make(watch), complete);
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
}
