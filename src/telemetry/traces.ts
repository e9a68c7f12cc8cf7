import { Tracing } from './tracing.ts';

/** Where a call goes: as configured, and as it turned out. */
export interface Place {
  /** Name of the pool; null: a connection that no pool made. */
  readonly poolName: string | null;
  readonly database: number;
  /** The configured host or path. */
  readonly serverAddress: string;
  readonly serverPort: number | undefined;
  /** The server that answered last; set when the call ends. */
  peerAddress?: string | undefined;
  peerPort?: number | undefined;
  /** `CLIENT ID` of the connection that answered last, where HELLO told it; set when the call ends. */
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
  /** Set for a command of a batch. */
  readonly batchMode?: 'PIPELINE' | 'MULTI' | undefined;
  readonly batchSize?: number | undefined;
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

/** Every tracing channel of the package, looked up once. */
export const traces = {
  command: new Tracing<CommandTrace>('command'),
  batch: new Tracing<BatchTrace>('batch'),
  transaction: new Tracing<BatchTrace>('transaction'),
  connect: new Tracing<ConnectTrace>('connect'),
  acquire: new Tracing<AcquireTrace>('acquire'),
  subscribe: new Tracing<SubscribeTrace>('subscribe'),
} as const;
