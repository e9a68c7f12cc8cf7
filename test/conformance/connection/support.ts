import assert from 'node:assert/strict';
import { after } from 'node:test';
import type { TCPConnectionOptions } from '../../../src/connection/connection-options.ts';
import { TCPConnection } from '../../../src/connection/tcp-connection.ts';
import {
  type ScriptedConnection,
  ScriptedServer,
  startServer,
  type TestServer,
} from '../../../src/testkit/index.ts';
import type { ScriptedServerOptions, ScriptedTable } from '../../../src/testkit/index.ts';
import type { StartServerOptions } from '../../../src/testkit/index.ts';
import type { Location } from '../../../src/transport/location.ts';

const undo: (() => unknown)[] = [];
after(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

/** Closed at the end of the file. */
export async function realServer(options?: StartServerOptions): Promise<TestServer> {
  const server = await startServer(options);
  undo.push(() => server.stop());
  return server;
}

export async function scripted(
  table: ScriptedTable = {},
  options?: ScriptedServerOptions,
): Promise<ScriptedServer> {
  const server = await ScriptedServer.start(table, options);
  undo.push(() => server.close());
  return server;
}

export async function open(
  to: { readonly location: Location },
  options?: TCPConnectionOptions,
): Promise<TCPConnection> {
  const connection = new TCPConnection(to.location, options);
  undo.push(() => connection.invalidate('end of the test'));
  await connection.run();
  return connection;
}

/** A usable connection and the server's end of it. */
export async function pair(
  table: ScriptedTable = {},
  options?: TCPConnectionOptions,
  serverOptions?: ScriptedServerOptions,
): Promise<{ connection: TCPConnection; peer: ScriptedConnection; server: ScriptedServer }> {
  const server = await scripted(table, serverOptions);
  const connection = await open(server, options);
  return { connection, peer: server.connections[0] as ScriptedConnection, server };
}

/** Resolves with the first `count` messages. */
export async function take<T>(messages: AsyncIterable<T>, count: number): Promise<T[]> {
  const taken: T[] = [];
  if (count === 0) return taken;
  for await (const message of messages) {
    taken.push(message);
    if (taken.length === count) break;
  }
  return taken;
}

export function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export async function eventually(condition: () => boolean, what: string, limit = 20_000): Promise<void> {
  const end = Date.now() + limit;
  while (!condition()) {
    assert.ok(Date.now() < end, `not within ${limit} ms: ${what}`);
    await wait(2);
  }
}

/** The outcome of a promise that may never settle. */
export async function outcome(
  promise: PromiseLike<unknown>,
  limit = 20_000,
): Promise<{ value: unknown } | { error: unknown }> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing settled within ${limit} ms`)), limit);
  });
  try {
    return { value: await Promise.race([promise, late]) };
  } catch (error) {
    return { error };
  } finally {
    clearTimeout(timer);
  }
}

export async function failure<E>(
  promise: PromiseLike<unknown>,
  type: new (...args: never[]) => E,
): Promise<E> {
  const result = await outcome(promise);
  assert.ok('error' in result, 'it should have rejected');
  assert.ok(result.error instanceof type, `${String(result.error)} is no ${type.name}`);
  return result.error as E;
}
