import { isUint8Array } from 'node:util/types';
import { latin1Text } from '../../resp/decoding/native-slices.ts';
import type { RedisValue } from '../../resp/types.ts';
import { CallStack } from '../../errors/call-stacks.ts';
import { type BatchTrace, type CommandTrace, traces } from '../../telemetry/traces.ts';
import { Traced } from '../../telemetry/tracing.ts';
import type { ConnectionCore } from '../connection-core.ts';
import { type Entry, type EntryHost, type Settle, unset, type WriteNote } from './entry.ts';
import type { CommandRequest } from './request-options.ts';

/** An entry whose caller waits for a promise. */
export interface SettlingEntry extends Entry {
  resolve: (value: never) => void;
  reject: (error: unknown) => void;
}

/** Host and port of a server; of a Unix socket its path alone. */
export interface Peer {
  readonly host: string;
  readonly port: number | undefined;
}

/** Splits `host:port`; a path has no port. */
export function peerAt(address: string): Peer {
  const [, host = address, port] = /^(.*):(\d+)$/.exec(address) ?? [];
  return { host: host.replace(/^\[|\]$/g, ''), port: port === undefined ? undefined : Number(port) };
}

/** Shows arguments to those who trace commands; each string stands for one argument, or for what it likes. */
export type SanitizeArguments = (command: string, args: readonly RedisValue[]) => readonly string[];

/** `?` for each argument, for the usual numbers of them. */
const HIDDEN: readonly (readonly string[])[] = Array.from({ length: 17 }, (_, count) => hidden(count));

function hidden(count: number): readonly string[] {
  return Object.freeze(new Array<string>(count).fill('?'));
}

/** Arguments as `sanitize` shows them; without it, or where it throws, each is `?`. */
export function shownArguments(
  sanitize: SanitizeArguments | null,
  command: string,
  args: readonly RedisValue[],
): readonly string[] {
  if (sanitize !== null) {
    try {
      return sanitize(command, args);
    } catch {
      // Telemetry never fails a call; nothing is shown.
    }
  }
  return HIDDEN[args.length] ?? hidden(args.length);
}

/** Where commands go, as it is configured. */
export interface ConfiguredPlace {
  readonly poolName: string | null;
  readonly database: number;
  readonly serverAddress: string;
  readonly serverPort: number | undefined;
}

/** The batch that a command is part of. */
export interface PartOf {
  readonly batchMode: 'PIPELINE' | 'MULTI';
  readonly batchSize: number;
}

/** The payload of a command; one shape for all of them. */
export class CommandRecord implements CommandTrace {
  readonly poolName: string | null;
  readonly command: string;
  readonly args: readonly string[];
  readonly database: number;
  readonly serverAddress: string;
  readonly serverPort: number | undefined;
  readonly batchMode: PartOf['batchMode'] | undefined;
  readonly batchSize: number | undefined;
  peerAddress: string | undefined = undefined;
  peerPort: number | undefined = undefined;
  clientId: number | undefined = undefined;
  queueTime: number | null = null;
  attempts = 0;
  maybeExecuted = false;
  declare error?: unknown;

  constructor(place: ConfiguredPlace, command: string, args: readonly string[], part: PartOf | null) {
    this.poolName = place.poolName;
    this.command = command;
    this.args = args;
    this.database = place.database;
    this.serverAddress = place.serverAddress;
    this.serverPort = place.serverPort;
    this.batchMode = part === null ? undefined : part.batchMode;
    this.batchSize = part === null ? undefined : part.batchSize;
  }
}

/** Where the commands of a connection go. */
export function placeOf(core: ConnectionCore): ConfiguredPlace {
  const { host, port } = core.peer;
  return {
    poolName: core.poolName,
    database: core.settings.db,
    serverAddress: host,
    serverPort: port,
  };
}

/** Notes in a trace which connection answered. */
export function noteHost(
  trace: { peerAddress?: string | undefined; peerPort?: number | undefined; clientId?: number | undefined },
  { peer, clientId }: EntryHost,
): void {
  trace.peerAddress = peer.host;
  trace.peerPort = peer.port;
  if (clientId !== null) trace.clientId = clientId;
}

/** A traced command, from the entry that was made for it to the end of that. */
export class TracedCommand extends Traced<CommandTrace> implements WriteNote {
  #entry: SettlingEntry | null = null;
  #resolve: (value: never) => void = unset;
  #reject: (error: unknown) => void = unset;
  #begun = 0;

  /** Ends the trace when the entry settles, wherever that is. */
  follow(entry: SettlingEntry): void {
    this.#entry = entry;
    this.#resolve = entry.resolve;
    this.#reject = entry.reject;
    this.#begun = performance.now();
    const resolve: Settle = (value) => this.#resolved(value);
    // No map of the entries: one that changes all the time keeps what it held alive in its former tables.
    resolve.note = this;
    entry.resolve = resolve;
    entry.reject = (error) => this.#rejected(error);
    entry.traced = true;
  }
  /** Whether there is an entry that ends the trace. */
  get following(): boolean {
    return this.#entry !== null;
  }

  written(): void {
    this.trace.queueTime = performance.now() - this.#begun;
  }

  protected override complete(): void {
    if (this.#entry !== null) this.describe(this.#entry);
  }
  /** Adds to the trace what the entry knows at its end. */
  protected describe(entry: SettlingEntry): void {
    this.trace.maybeExecuted = entry.sent;
    if (entry.host !== null) noteHost(this.trace, entry.host);
  }

  #resolved(value: never): void {
    if ((value as unknown) instanceof Error) this.fail(value);
    else this.end();
    this.#resolve(value);
  }
  #rejected(error: unknown): void {
    this.fail(error);
    this.#reject(error);
  }
}

/** Traces a command on one connection; `submit` queues it. */
export function traceRequest(
  core: ConnectionCore,
  entry: SettlingEntry,
  args: readonly RedisValue[],
  part: PartOf | null,
  submit: () => void,
): void {
  const shown = shownArguments(core.sanitizeArguments, entry.info.name, args);
  const trace = new CommandRecord(placeOf(core), entry.info.name, shown, part);
  noteHost(trace, core);
  trace.attempts = 1;
  traces.command.begin(trace, TracedCommand, (traced) => {
    traced.follow(entry);
    submit();
  });
}

/** The payload of a batch that is asked of one connection. */
export function batchTrace(core: ConnectionCore, commands: readonly string[]): BatchTrace {
  const trace: BatchTrace = {
    ...placeOf(core),
    batchMode: 'PIPELINE',
    batchSize: commands.length,
    commands,
  };
  noteHost(trace, core);
  return trace;
}

/** The command of one entry of a batch, before it was checked. */
export function commandWordOf(entry: Partial<CommandRequest> | null | undefined): string {
  const command = entry?.command;
  if (typeof command === 'string') return command.toUpperCase();
  return isUint8Array(command) ? latin1Text(command).toUpperCase() : '';
}

/** With `traceCalls`: an error that it settles with carries the stack of now. */
export function keepCallStack(entry: SettlingEntry): void {
  const { resolve, reject, signal } = entry;
  const stack = CallStack.take();
  entry.resolve = (value) => resolve(stack.onError(value) as never);
  entry.reject = (error) => reject(stack.onRejection(error, signal));
}
