import { channel } from 'node:diagnostics_channel';
import type {
  CacheEvent,
  ConnectAttemptEvent,
  ConnectionClosedEvent,
  ConnectionReadyEvent,
  FailoverEvent,
  LayoutEvent,
  LeaseReleasedEvent,
  PoolCreatedEvent,
  PoolLeakEvent,
  PoolStateEvent,
  PoolWaitEvent,
  PubsubGapEvent,
  RedirectEvent,
  RetryEvent,
} from './events.ts';

/** A diagnostics channel with the type of its events. */
export interface EventChannel<E> {
  readonly name: string | symbol;
  /** Undefined on some runtimes, so only `false` means no subscribers. */
  readonly hasSubscribers: boolean | undefined;
  publish(event: E): void;
}

function events<E>(name: string): EventChannel<E> {
  return channel(`respool:${name}`) as EventChannel<E>;
}

/** Every point channel of the package. Holds the references, because Node forgets an unreferenced channel. */
export const channels = {
  poolCreated: events<PoolCreatedEvent>('pool:created'),
  poolState: events<PoolStateEvent>('pool:state'),
  poolLeak: events<PoolLeakEvent>('pool:leak'),
  poolWait: events<PoolWaitEvent>('pool:wait'),
  leaseReleased: events<LeaseReleasedEvent>('lease:released'),
  connectAttempt: events<ConnectAttemptEvent>('connect:attempt'),
  connectionReady: events<ConnectionReadyEvent>('connection:ready'),
  connectionClosed: events<ConnectionClosedEvent>('connection:closed'),
  redirect: events<RedirectEvent>('redirect'),
  retry: events<RetryEvent>('retry'),
  failover: events<FailoverEvent>('failover'),
  layout: events<LayoutEvent>('layout'),
  pubsubGap: events<PubsubGapEvent>('pubsub:gap'),
  cache: events<CacheEvent>('cache:event'),
} as const;

/** Whether the channel may have subscribers, so that an event is worth building. */
export function observed(target: EventChannel<never>): boolean {
  return target.hasSubscribers !== false;
}
