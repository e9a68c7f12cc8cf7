import { Sentinel } from '../../index.ts';
import { poolOptions, type Target } from '../target.ts';
import { Fatal, type Finding, good, wrong } from './finding.ts';
import { network, type Place } from './network.ts';
import { server } from './server.ts';

/** Checks each sentinel, whether they agree, and the primary that they name. */
export async function* sentinels(
  places: readonly Place[],
  target: Target,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  const service = /^[^/]*\/\/[^/]*\/([^/?#]+)/.exec(target.url)?.[1] ?? '';
  const named = new Map<string, string[]>();
  for (const place of places) {
    const where = `${place.host}:${place.port}`;
    const primary = await primaryBy(place, service, target, signal);
    if (typeof primary === 'string') named.set(primary, [...(named.get(primary) ?? []), where]);
    else yield primary;
  }
  if (named.size === 0)
    throw new Fatal(
      wrong(
        'sentinels',
        `No sentinel names a primary of ${service}.`,
        'Check the addresses of the sentinels and the name of the service.',
      ),
    );
  if (named.size > 1) {
    const text = [...named].map(([primary, by]) => `${by.join(', ')}: ${primary}`).join('; ');
    yield wrong(
      'sentinels',
      `The sentinels disagree about the primary (${text}).`,
      'A failover is under way, or the sentinels do not see each other.',
    );
  }
  for (const address of named.keys()) yield* primaryAt(address, target, signal);
}

async function primaryBy(
  { host, port }: Place,
  service: string,
  target: Target,
  signal: AbortSignal,
): Promise<string | Finding> {
  const { connectTimeout } = poolOptions(target);
  const sentinel = new Sentinel({ sentinels: [{ host, port }], connectTimeout });
  try {
    return String(await sentinel.discoverPrimary(service, { timeout: target.timeout, signal }));
  } catch (error) {
    const { message } = error as Error;
    return wrong(
      'sentinel',
      `Sentinel ${host}:${port} names no primary of ${service}: ${message}`,
      'Check that it runs and monitors this service.',
    );
  } finally {
    await sentinel.close();
  }
}

async function* primaryAt(address: string, target: Target, signal: AbortSignal): AsyncGenerator<Finding> {
  const colon = address.lastIndexOf(':');
  const place = { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
  yield good('sentinels', `The sentinels name ${address} as primary.`);
  try {
    for await (const finding of network(place, target)) yield finding;
  } catch (error) {
    if (!(error instanceof Fatal)) throw error;
    throw new Fatal({
      ...error.finding,
      says: `The sentinels name a primary that cannot be reached: ${error.finding.says}`,
    });
  }
  const userinfo = /^[^/]*\/\/([^/?#]*@)/.exec(target.url)?.[1] ?? '';
  const scheme = target.tls ? 'rediss' : 'redis';
  yield* server({ ...target, url: `${scheme}://${userinfo}${address}` }, signal);
}
