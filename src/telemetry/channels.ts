import { channel } from 'node:diagnostics_channel';
import type { CacheEvent, PoolLeakEvent, PoolStateEvent } from './events.ts';

/** A diagnostics channel that knows what it carries. */
export interface EventChannel<E> {
  readonly name: string | symbol;
  /** Some runtimes leave it undefined: only `false` says that nobody listens. */
  readonly hasSubscribers: boolean | undefined;
  publish(event: E): void;
}

/** Every diagnostics channel of the package. The references are held here: a dropped channel is forgotten. */
export const channels = {
  poolState: channel('respool:pool:state') as EventChannel<PoolStateEvent>,
  poolLeak: channel('respool:pool:leak') as EventChannel<PoolLeakEvent>,
  cache: channel('respool:cache:event') as EventChannel<CacheEvent>,
} as const;

/** Whether an event is worth building. */
export function observed(target: EventChannel<never>): boolean {
  return target.hasSubscribers !== false;
}
