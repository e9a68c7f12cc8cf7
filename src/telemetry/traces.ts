import { AsyncResource } from 'node:async_hooks';
import { tracingChannel, type TracingChannel } from 'node:diagnostics_channel';

/** Where a call goes: as configured, and as it turned out. */
interface Place {
  /** Name of the pool; null: a connection that no pool made. */
  readonly poolName: string | null;
  readonly database: number;
  /** The configured host or path. */
  readonly serverAddress: string;
  readonly serverPort: number | undefined;
  /** The server that answered last; set when the call ends. */
  peerAddress?: string | undefined;
  peerPort?: number | undefined;
  /** `CLIENT ID` of the connection that answered last; set when the call ends. */
  clientId?: number | undefined;
  /** Set when the call fails. */
  error?: unknown;
}

/** A command, from the call to its reply. `end` means that the call was made, `asyncEnd` that the reply has come. */
export interface CommandTrace extends Place {
  /** In capitals, with its sub-command: `CLIENT LIST`. */
  readonly command: string;
  /** As `sanitizeArguments` shows them; without it each is `?`. */
  readonly args: readonly string[];
  readonly batchMode?: 'PIPELINE' | 'MULTI';
  readonly batchSize?: number;
  /** Milliseconds from the call to the write; null: it was not written. Set when the call ends. */
  queueTime: number | null;
  attempts: number;
  maybeExecuted: boolean;
}

/** Commands that were sent together. */
export interface BatchTrace extends Place {
  readonly batchMode: 'PIPELINE' | 'MULTI';
  readonly batchSize: number;
  /** Names of the commands, in order. */
  readonly commands: readonly string[];
}

/** A connection, from the dial to the end of its handshake. */
export interface ConnectTrace {
  readonly serverAddress: string;
  readonly serverPort: number | undefined;
  readonly tls: boolean;
  clientId?: number | undefined;
  error?: unknown;
}

/** A lease, from the call to the connection. */
export interface AcquireTrace {
  readonly poolName: string;
  readonly serverAddress: string;
  readonly serverPort: number | undefined;
  error?: unknown;
}

/** A call of the SUBSCRIBE family, until it is acknowledged. */
export interface SubscribeTrace extends Place {
  readonly command: string;
  /** How many channels or patterns are named. */
  readonly channels: number;
}

/** Ends a trace: with an error, or without. Only the first call counts. */
export type EndTrace = (error?: unknown) => void;

/** Its end is known, so that the collector need not watch for it: that would cost more than the call. */
const UNTRACKED = { requireManualDestroy: true };

function publishEnd<T extends object>(
  { error, asyncStart, asyncEnd }: TracingChannel<unknown, T>,
  trace: T,
  failed: boolean,
): void {
  if (failed) error.publish(trace);
  asyncStart.publish(trace);
  asyncEnd.publish(trace);
}

/** A tracing channel. Build nothing without subscribers: ask `active` first. */
export class Tracing<T extends { error?: unknown }> {
  readonly #channel: TracingChannel<unknown, T>;

  constructor(name: string) {
    this.#channel = tracingChannel(`respool:${name}`);
  }

  /** Whether anybody listens. Some runtimes know it for the single channels only. */
  get active(): boolean {
    const { start, asyncEnd, error, end, asyncStart } = this.#channel;
    return (
      start.hasSubscribers ||
      asyncEnd.hasSubscribers ||
      error.hasSubscribers ||
      end.hasSubscribers ||
      asyncStart.hasSubscribers
    );
  }

  /**
   * Runs `make` between `start` and `end`. What it is given ends the trace, later and from wherever: `asyncStart` and
   * `asyncEnd` are published in the asynchronous context of the caller.
   */
  begin<R>(trace: T, make: (end: EndTrace) => R): R {
    const { start, end } = this.#channel;
    const context = new AsyncResource('RESPOOL_TRACE', UNTRACKED);
    let over = false;
    const finish = (...reasons: unknown[]): void => {
      if (over) return;
      over = true;
      if (reasons.length > 0) trace.error = reasons[0];
      context.runInAsyncScope(publishEnd, undefined, this.#channel, trace, reasons.length > 0);
    };
    const made = start.runStores(trace, () => make(finish));
    end.publish(trace);
    return made;
  }

  /** The same for a promise; the caller gets one that settles alike, so that an unhandled rejection stays one. */
  promise<R>(trace: T, make: () => Promise<R>): Promise<R> {
    return this.begin(trace, (end) =>
      make().then(
        (value) => {
          end();
          return value;
        },
        (error: unknown) => {
          end(error);
          throw error;
        },
      ),
    );
  }
}

/** Every tracing channel of the package, looked up once. */
export const traces = {
  command: new Tracing<CommandTrace>('command'),
  batch: new Tracing<BatchTrace>('batch'),
  transaction: new Tracing<BatchTrace>('transaction'),
  connect: new Tracing<ConnectTrace>('connect'),
  acquire: new Tracing<AcquireTrace>('acquire'),
  subscribe: new Tracing<SubscribeTrace>('subscribe'),
} as const;
