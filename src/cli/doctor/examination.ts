import type { Target } from '../target.ts';
import { cluster } from './cluster.ts';
import { Fatal, type Finding, good } from './finding.ts';
import { network, type Place } from './network.ts';
import { sentinels } from './sentinels.ts';
import { server } from './server.ts';

/** Host and port of a plain URL; null for a Unix socket. */
function placesOf(url: string): Place[] {
  if (url.startsWith('unix:')) return [];
  const authority = (/^[\w+.-]+:\/\/([^/?#]*)/.exec(url)?.[1] ?? '').replace(/^.*@/, '');
  const sentinel = /\+sentinel:/.test(url);
  return authority.split(',').map((entry) => {
    const [, host = '127.0.0.1', port] = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(entry) ?? [];
    return {
      host: host.replace(/^\[|\]$/g, '') || '127.0.0.1',
      port: Number(port ?? (sentinel ? 26_379 : 6_379)),
    };
  });
}

/** Examines from the name to the commands; each layer only when the one below holds. */
export async function* examine(target: Target, signal: AbortSignal): AsyncGenerator<Finding> {
  try {
    if (target.kind === 'sentinel') return yield* sentinels(placesOf(target.url), target, signal);
    const [place] = placesOf(target.url);
    if (place === undefined) yield good('socket', `Unix socket ${target.shown}`);
    else yield* network(place, target);
    yield* server(target, signal);
    if (target.kind === 'cluster') yield* cluster(target, signal);
  } catch (error) {
    if (!(error instanceof Fatal)) throw error;
    yield error.finding;
  }
}
