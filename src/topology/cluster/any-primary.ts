import type { RoutedCall } from '../topology.ts';
import { NO_SLOT } from './command-keys.ts';
import type { LayoutKeeper } from './layout-keeper.ts';
import { MAX_REDIRECTS } from './redirect.ts';

/** Picks the shard whose primary serves a call without a key: a random one, a healthy one if there is one. */
export function anyPrimary(keeper: LayoutKeeper): number {
  const { shards } = keeper.map;
  const first = Math.floor(keeper.random() * shards.length);
  for (let index = 0; index < shards.length; index++) {
    const at = (first + index) % shards.length;
    if (keeper.healthy(shards[at]!.primary)) return at;
  }
  return first;
}

/** After its primary was unreachable: whether a call has no key and another primary is healthy. */
export function anotherPrimary(call: RoutedCall, keeper: LayoutKeeper): boolean {
  if (call.slot !== NO_SLOT || ++call.redirects > MAX_REDIRECTS) return false;
  return keeper.map.shards.some(({ primary }) => keeper.healthy(primary));
}
