import type { Attributes } from '@opentelemetry/api';
import { RedisError } from '../index.ts';
import type { CommandTrace } from '../telemetry/traces.ts';

/** The destination of an operation; every trace of the package has these fields. */
interface Destination {
  readonly serverAddress: string;
  readonly serverPort: number | undefined;
  readonly database?: number;
}

/** The semantic conventions have one name for Redis and Valkey. */
const SYSTEM = { 'db.system.name': 'redis' };

/** Attributes of the configured server and the database. */
export function destinationAttributes({ serverAddress, serverPort, database }: Destination): Attributes {
  return {
    ...SYSTEM,
    'server.address': serverAddress,
    ...(serverPort === undefined ? {} : { 'server.port': serverPort }),
    ...(database === undefined ? {} : { 'db.namespace': String(database) }),
  };
}

/** Attributes of the node that answered. */
export function peerAttributes({
  peerAddress,
  peerPort,
}: Pick<CommandTrace, 'peerAddress' | 'peerPort'>): Attributes {
  return {
    ...(peerAddress === undefined ? {} : { 'network.peer.address': peerAddress }),
    ...(peerPort === undefined ? {} : { 'network.peer.port': peerPort }),
  };
}

/** Attributes of a failure: its class, or the server's error code. */
export function errorAttributes(error: unknown): Attributes {
  if (error === undefined) return {};
  const name = error instanceof Error ? error.name : typeof error;
  const code = error instanceof RedisError ? error.code : undefined;
  if (code === undefined) return { 'error.type': name };
  // The package's own codes say no more than the class.
  if (code.startsWith('RESPOOL_')) return { 'error.type': name };
  return { 'error.type': code, 'db.response.status_code': code };
}

/** `PIPELINE`, or `PIPELINE GET` if all commands are the same. */
export function batchName(mode: string, commands: readonly string[]): string {
  const [first] = commands;
  const same = first !== undefined && commands.every((name) => name === first);
  return same ? `${mode} ${first}` : mode;
}
