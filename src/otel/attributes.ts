import type { Attributes } from '@opentelemetry/api';
import { RedisError } from '../index.ts';
import type { CommandTrace } from '../telemetry/traces.ts';

/** Where an operation goes, as every trace of the package tells it. */
interface Destination {
  readonly serverAddress: string;
  readonly serverPort: number | undefined;
  readonly database?: number;
}

/** The conventions have one name for Redis and Valkey. */
const SYSTEM = { 'db.system.name': 'redis' };

/** The configured server and the database. */
export function destinationAttributes({ serverAddress, serverPort, database }: Destination): Attributes {
  return {
    ...SYSTEM,
    'server.address': serverAddress,
    ...(serverPort === undefined ? {} : { 'server.port': serverPort }),
    ...(database === undefined ? {} : { 'db.namespace': String(database) }),
  };
}

/** The node that answered. */
export function peerAttributes({
  peerAddress,
  peerPort,
}: Pick<CommandTrace, 'peerAddress' | 'peerPort'>): Attributes {
  return {
    ...(peerAddress === undefined ? {} : { 'network.peer.address': peerAddress }),
    ...(peerPort === undefined ? {} : { 'network.peer.port': peerPort }),
  };
}

/** The class of a failure, and the word of the server that stands for it. */
export function errorAttributes(error: unknown): Attributes {
  if (error === undefined) return {};
  const name = error instanceof Error ? error.name : typeof error;
  const code = error instanceof RedisError ? error.code : undefined;
  if (code === undefined) return { 'error.type': name };
  // Codes of the package tell nothing that its class does not.
  if (code.startsWith('RESPOOL_')) return { 'error.type': name };
  return { 'error.type': code, 'db.response.status_code': code };
}

/** `PIPELINE`, or `PIPELINE GET` where all commands are the same. */
export function batchName(mode: string, commands: readonly string[]): string {
  const [first] = commands;
  const same = first !== undefined && commands.every((name) => name === first);
  return same ? `${mode} ${first}` : mode;
}
