import { ClusterConnectionPool, type Reply } from '../index.ts';
import type { AnyPool } from './target.ts';

/** The fields of `INFO`, as the server spells them. */
export type InfoFields = ReadonlyMap<string, string>;

/**
 * Reads the text of `INFO`.
 * @example parseInfo('# Server\r\nredis_version:7.0.15\r\n').get('redis_version') // '7.0.15'
 */
export function parseInfo(text: string): InfoFields {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0 && !line.startsWith('#')) fields.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return fields;
}

/** Runs a command on every primary of a cluster, or on the server. */
export async function onPrimaries(
  pool: AnyPool,
  command: string,
  args: readonly string[],
  timeout: number,
): Promise<Reply[]> {
  if (pool instanceof ClusterConnectionPool) {
    const replies = await pool.executeOn('primaries', command, args, { timeout });
    return [...(replies as ReadonlyMap<unknown, Reply>).values()];
  }
  return [await pool.executeRequest(command, args, { timeout })];
}

/** The sum of a field over several servers. */
export function total(all: readonly InfoFields[], name: string): number {
  return all.reduce((sum, fields) => sum + Number(fields.get(name) ?? 0), 0);
}
