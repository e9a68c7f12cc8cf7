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

/** The connection that a call used, for its trace. */
interface Destination {
  peerAddress?: string | undefined;
  peerPort?: number | undefined;
  clientId?: number | undefined;
}

/** Adds to a trace which connection the call used, or which node it was for. */
function noteDestination(trace: Destination, { host, node }: PoolCall): void {
  if (host !== null) return noteHost(trace, host);
  if (node === null) return;
  const peer: Peer = peerAt(node.address);
  trace.peerAddress = peer.host;
  trace.peerPort = peer.port;
}

/** The trace of a pool's command. */
export class TracedCall extends TracedCommand {
  protected override describe(call: PoolCall): void {
    const { trace } = this;
    trace.attempts = call.attempts;
    trace.maybeExecuted = call.maybeExecuted;
    noteDestination(trace, call);
  }
}

/** Called with the calls of a batch or a transaction once they are made. */
export type WatchCalls = (calls: readonly PoolCall[]) => void;

/** The traces of one pool. Callers check first that a trace has subscribers. */
export class PoolTraces {
  readonly #place: ConfiguredPlace & { readonly poolName: string };
  readonly #sanitize: SanitizeArguments | null;

  /** `poolName` lists the configured addresses; the first becomes the server address of traces. */
  constructor(poolName: string, database: number, sanitize: SanitizeArguments | null) {
    const { host, port } = peerAt(poolName.split(',')[0] ?? '');
    this.#place = { poolName, database, serverAddress: host, serverPort: port };
    this.#sanitize = sanitize;
  }

  get poolName(): string {
    return this.#place.poolName;
  }

  /** Traces a call. The promise of `make` ends the trace unless `make` lets the trace follow a call. */
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

  /** Traces a call that was made but not started. `part`: the batch it belongs to. */
  follow(call: PoolCall, args: readonly RedisValue[], part: PartOf | null): void {
    const shown = shownArguments(this.#sanitize, call.info.name, args);
    const trace = new CommandRecord(this.#place, call.info.name, shown, part);
    traces.command.begin(trace, TracedCall, (traced) => traced.follow(call));
  }

  /** Traces a batch or a transaction; the trace names the connection of the last call. */
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
