import { type TracingChannel, tracingChannel } from 'node:diagnostics_channel';
import type { Command } from './command.ts';
import { type Pipeline, Transaction } from './pipeline.ts';

/** The server address in the trace events. */
export interface TracedPlace {
  serverAddress: string;
  serverPort: number | undefined;
}
interface TracedSession extends TracedPlace {
  database: number;
}

/** The real type of a tracing channel; Node's types lack the result of `tracePromise`. */
interface Tracing {
  readonly hasSubscribers: boolean;
  tracePromise<T>(run: () => Promise<T>, context: object): Promise<T>;
}
function tracingOf(name: string): Tracing {
  return tracingChannel(name) as TracingChannel & Tracing;
}

// ioredis' channel names, because its instrumentations subscribe to them.
const commands = tracingOf('ioredis:command');
const batches = tracingOf('ioredis:batch');
const connects = tracingOf('ioredis:connect');
const noop = (): void => {};

export function pipelinesAreTraced(): boolean {
  return commands.hasSubscribers || batches.hasSubscribers;
}

export function commandsAreTraced(): boolean {
  return commands.hasSubscribers;
}

export function placeOf({
  path,
  host = 'localhost',
  port,
}: {
  path?: string | undefined;
  host?: string | undefined;
  port?: number | undefined;
}): TracedPlace {
  return path ? { serverAddress: path, serverPort: undefined } : { serverAddress: host, serverPort: port };
}

/** The words for a trace: keys as they are, and `?` for every other word. */
function wordsOf({ words, keyPlaces }: Command): string[] {
  const keys = new Set(keyPlaces);
  return words.map((arg, at) => (keys.has(at) ? String(arg) : '?'));
}

function contextOf(command: Command, session: TracedSession): object {
  return { command: command.name, args: wordsOf(command), ...session };
}

/** Traces one command until it settles, even if it is sent several times. */
export function traceCommand<T>(
  command: Command,
  session: TracedSession,
  send: () => Promise<T>,
): Promise<T> {
  const traced = commands.tracePromise(send, contextOf(command, session));
  traced.catch(noop);
  return traced;
}

/** Traces each command of a pipeline, and a transaction as a whole too. */
export function tracePipeline(pipeline: Pipeline, session: TracedSession): void {
  const { promise } = pipeline;
  if (commands.hasSubscribers) {
    for (const [index, command] of pipeline.commands.entries()) {
      const outcome = async (): Promise<unknown> => {
        const [error, value] = (await promise)[index] ?? [null];
        if (error) throw error;
        return value;
      };
      void traceCommand(command, session, outcome);
    }
  }
  if (batches.hasSubscribers && pipeline instanceof Transaction) {
    // MULTI and EXEC are not counted.
    const context = { batchMode: 'MULTI', batchSize: pipeline.length - 2, ...session };
    const traced = batches.tracePromise(() => promise, context);
    traced.catch(noop);
  }
}

export function traceConnect(place: TracedPlace, epoch: number, dial: () => Promise<void>): Promise<void> {
  if (!connects.hasSubscribers) return dial();
  return connects.tracePromise(dial, { ...place, connectionEpoch: epoch });
}
