import { resolveSrv, type SrvRecord } from 'node:dns';
import { isIP } from 'node:net';
import type { HostAndPort } from '../transport/location.ts';
import type { ClusterOptions } from './cluster-options.ts';

type Ask<T> = (
  hostname: string,
  callback: (error: NodeJS.ErrnoException | null | undefined, value?: T) => void,
) => void;

/** The addresses of the start nodes, looked up as the options say. */
export async function startAddresses(
  nodes: readonly HostAndPort[],
  { useSRVRecords, resolveSrv: resolve = resolveSrv, dnsLookup }: ClusterOptions,
): Promise<HostAndPort[]> {
  let found = nodes.map(({ host, port }) => ({ host, port }));
  if (useSRVRecords) {
    const lists = await Promise.all(found.map(({ host }) => answer<SrvRecord[]>(resolve, host)));
    found = lists.flatMap((records) =>
      records.toSorted(inOrder).map(({ name, port }) => ({ host: name, port })),
    );
  }
  if (dnsLookup === undefined) return found;
  return Promise.all(
    found.map(async ({ host, port }) =>
      isIP(host) === 0 ? { host: await answer<string>(dnsLookup, host), port } : { host, port },
    ),
  );
}

function answer<T>(ask: Ask<T>, hostname: string): Promise<T> {
  return new Promise((resolve, reject) => {
    ask(hostname, (error, value) => {
      if (error) reject(error);
      else resolve(value as T);
    });
  });
}

/** Sorts by priority, lowest first; equal priorities at random in proportion to weight. */
function inOrder(a: SrvRecord, b: SrvRecord): number {
  if (a.priority !== b.priority) return a.priority - b.priority;
  return Math.random() * (a.weight + b.weight + 2) < a.weight + 1 ? -1 : 1;
}
