import { isUint8Array } from 'node:util/types';
import type { CommandInfo } from '../../commands/command-info.ts';
import { latin1Text } from '../../resp/decoding/native-slices.ts';
import type { RedisValue } from '../../resp/types.ts';
import { CallStack } from '../../errors/call-stacks.ts';
import type { BatchTrace, CommandTrace, EndTrace } from '../../telemetry/traces.ts';
import type { ConnectionCore } from '../connection-core.ts';
import type { CommandRequest } from './request-options.ts';
import { type Entry, writeNotes } from './entry.ts';

/** An entry whose caller waits for a promise. */
export interface SettlingEntry extends Entry {
  resolve: (value: never) => void;
  reject: (error: unknown) => void;
}

/** Host and port of `host:port`, or a path. */
export function splitAddress(address: string): { readonly host: string; readonly port: number | undefined } {
  const [, host = address, port] = /^(.*):(\d+)$/.exec(address) ?? [];
  return { host: host.replace(/^\[|\]$/g, ''), port: port === undefined ? undefined : Number(port) };
}

/** The trace of a command on one connection. Each argument shows as `?`. */
export function connectionTrace(
  core: ConnectionCore,
  info: CommandInfo,
  args: readonly RedisValue[],
): CommandTrace {
  const { host, port } = splitAddress(core.settings.endpoint);
  return {
    poolName: core.poolName,
    command: info.name,
    args: args.map(() => '?'),
    database: core.settings.db,
    serverAddress: host,
    serverPort: port,
    peerAddress: host,
    peerPort: port,
    queueTime: null,
    attempts: 1,
    maybeExecuted: false,
  };
}

/** The trace of a batch that is asked of one connection. */
export function batchTrace(core: ConnectionCore, commands: readonly string[]): BatchTrace {
  const { host, port } = splitAddress(core.settings.endpoint);
  return {
    poolName: core.poolName,
    database: core.settings.db,
    serverAddress: host,
    serverPort: port,
    peerAddress: host,
    peerPort: port,
    batchMode: 'PIPELINE',
    batchSize: commands.length,
    commands,
  };
}

/** The command of one entry of a batch, before it was checked. */
export function commandWordOf(entry: Partial<CommandRequest> | null | undefined): string {
  const command = entry?.command;
  if (typeof command === 'string') return command.toUpperCase();
  return isUint8Array(command) ? latin1Text(command).toUpperCase() : '';
}

/** Notes when the entry is written, and ends the trace when it settles; `complete` adds what is known then. */
export function watchEntry(
  entry: SettlingEntry,
  trace: CommandTrace,
  end: EndTrace,
  complete: () => void,
): void {
  const { resolve, reject } = entry;
  const made = performance.now();
  entry.traced = true;
  writeNotes.set(entry, () => {
    trace.queueTime = performance.now() - made;
  });
  entry.resolve = (value) => {
    complete();
    if ((value as unknown) instanceof Error) end(value);
    else end();
    resolve(value);
  };
  entry.reject = (error) => {
    complete();
    end(error);
    reject(error);
  };
}

/** With `traceCalls`: an error that it settles with carries the stack of now. */
export function keepCallStack(entry: SettlingEntry): void {
  const { resolve, reject, signal } = entry;
  const stack = CallStack.take();
  entry.resolve = (value) => resolve(stack.onError(value) as never);
  entry.reject = (error) => reject(stack.onRejection(error, signal));
}
