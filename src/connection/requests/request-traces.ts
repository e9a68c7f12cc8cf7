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

/** Host and port of a server; for a Unix socket the path as `host`. */
export interface Peer {
  readonly host: string;
  readonly port: number | undefined;
}

/** Splits `host:port`; a path has no port. */
export function peerAt(address: string): Peer {
  const [, host = address, port] = /^(.*):(\d+)$/.exec(address) ?? [];
  return { host: host.replace(/^\[|\]$/g, ''), port: port === undefined ? undefined : Number(port) };
}

/** Chooses the text that traces show for the arguments of a command; its result may have any length. */
export type SanitizeArguments = (command: string, args: readonly RedisValue[]) => readonly string[];

/** Lists of `?`, shared for up to 16 arguments. */
const HIDDEN: readonly (readonly string[])[] = Array.from({ length: 17 }, (_, count) => hidden(count));

function hidden(count: number): readonly string[] {
  return Object.freeze(new Array<string>(count).fill('?'));
}

/** The arguments as `sanitize` shows them; `?` for each if it is absent or throws. */
export function shownArguments(
  sanitize: SanitizeArguments | null,
  command: string,
  args: readonly RedisValue[],
): readonly string[] {
  if (sanitize !== null) {
    try {
      return sanitize(command, args);
    } catch {
      // Telemetry must never fail a call; hide the arguments.
    }
  }
  return HIDDEN[args.length] ?? hidden(args.length);
}

/** The configured pool name, database and server address. */
export interface ConfiguredPlace {
  readonly poolName: string | null;
  readonly database: number;
  readonly serverAddress: string;
  readonly serverPort: number | undefined;
}

/** The batch that a command belongs to. */
export interface PartOf {
  readonly batchMode: 'PIPELINE' | 'MULTI';
  readonly batchSize: number;
}

/** The trace payload of a command. */
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

/** The configured place of a connection. */
export function placeOf(core: ConnectionCore): ConfiguredPlace {
  const { host, port } = core.peer;
  return {
    poolName: core.poolName,
    database: core.settings.db,
    serverAddress: host,
    serverPort: port,
  };
}

/** Adds to a trace which connection was used. */
export function noteHost(
  trace: { peerAddress?: string | undefined; peerPort?: number | undefined; clientId?: number | undefined },
  { peer, clientId }: EntryHost,
): void {
  trace.peerAddress = peer.host;
  trace.peerPort = peer.port;
  if (clientId !== null) trace.clientId = clientId;
}

/** The trace of a command, which ends when its entry settles. */
export class TracedCommand extends Traced<CommandTrace> implements WriteNote {
  #entry: SettlingEntry | null = null;
  #resolve: (value: never) => void = unset;
  #reject: (error: unknown) => void = unset;
  #begun = 0;

  /** Wraps the entry's settling functions, so that the trace ends with the entry. */
  follow(entry: SettlingEntry): void {
    this.#entry = entry;
    this.#resolve = entry.resolve;
    this.#reject = entry.reject;
    this.#begun = performance.now();
    const resolve: Settle = (value) => this.#resolved(value);
    // Not a map of entries: a map that changes all the time keeps removed entries alive in its old tables.
    resolve.note = this;
    entry.resolve = resolve;
    entry.reject = (error) => this.#rejected(error);
    entry.traced = true;
  }
  /** True once `follow` was called. */
  get following(): boolean {
    return this.#entry !== null;
  }

  written(): void {
    this.trace.queueTime = performance.now() - this.#begun;
  }

  protected override complete(): void {
    if (this.#entry !== null) this.describe(this.#entry);
  }
  /** Adds the facts to the trace that are known when the entry settles. */
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

/** Makes the trace payload of a batch on one connection. */
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

/** The command name of an unchecked entry of a batch. */
export function commandWordOf(entry: Partial<CommandRequest> | null | undefined): string {
  const command = entry?.command;
  if (typeof command === 'string') return command.toUpperCase();
  return isUint8Array(command) ? latin1Text(command).toUpperCase() : '';
}

/** With `traceCalls`: adds the current stack to the error the entry settles with. */
export function keepCallStack(entry: SettlingEntry): void {
  const { resolve, reject, signal } = entry;
  const stack = CallStack.take();
  entry.resolve = (value) => resolve(stack.onError(value) as never);
  entry.reject = (error) => reject(stack.onRejection(error, signal));
}
