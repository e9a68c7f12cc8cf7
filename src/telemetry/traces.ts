import { Tracing } from './tracing.ts';

/** The target of a call: the configured one, and the server that answered. */
export interface Place {
  /** Name of the pool; null for a connection without a pool. */
  readonly poolName: string | null;
  readonly database: number;
  /** The configured host or path. */
  readonly serverAddress: string;
  readonly serverPort: number | undefined;
  /** Address of the server that answered last; set when the call ends. */
  peerAddress?: string | undefined;
  peerPort?: number | undefined;
  /** `CLIENT ID` of the connection that answered last, if HELLO gave it; set when the call ends. */
  clientId?: number | undefined;
  /** Set when the call fails. */
  error?: unknown;
}

/** A command, from the call to its reply. `end`: the call was made; `asyncEnd`: the reply arrived. */
export interface CommandTrace extends Place {
  /** Name in capitals, with the sub-command: `CLIENT LIST`. */
  readonly command: string;
  /** The arguments as `sanitizeArguments` shows them; without that option each is `?`. */
  readonly args: readonly string[];
  /** Set for a command of a batch. */
  readonly batchMode?: 'PIPELINE' | 'MULTI' | undefined;
  readonly batchSize?: number | undefined;
  /** Milliseconds from the call to the write; null: never written. Set when the call ends. */
  queueTime: number | null;
  attempts: number;
  maybeExecuted: boolean;
}

/** A batch of commands, from the call to the last reply. */
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
  /** Number of channels or patterns in the call. */
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
