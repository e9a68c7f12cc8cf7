// Compiled against the packed package by scripts/check-consumers.mjs, never run.
import { expectTypeOf } from 'expect-type';
import {
  BaseConnection,
  type BytesPool,
  ClusterConnection,
  type ClusterConnectionOptions,
  ClusterConnectionPool,
  ConnectionPool,
  type ConnectionPoolOptions,
  type Decoding,
  type Sentinel,
  SentinelConnectionPool,
  SentinelManagedConnection,
  TCPConnection,
  type TCPConnectionOptions,
  type TCPLocation,
  type TextPool,
} from 'respool';

interface ProxyOptions {
  proxy: string;
}
/** Its constructor cannot do without options. */
class Proxied extends BaseConnection {
  readonly proxy: string;
  constructor(location: TCPLocation, options: ProxyOptions) {
    super(location);
    this.proxy = options.proxy;
  }
  protected override openTransport(): Promise<never> {
    return Promise.reject(new Error(this.proxy));
  }
}
class Labelled extends TCPConnection {
  constructor(location: TCPLocation, options?: TCPConnectionOptions & { label?: string }) {
    super(location, options);
  }
}
class Open extends TCPConnection {
  constructor(location: TCPLocation, options: TCPConnectionOptions & Record<string, unknown>) {
    super(location, options);
  }
}
class Plain extends TCPConnection {}
class LocationOnly extends TCPConnection {
  constructor(location: TCPLocation) {
    super(location);
  }
}
class Zoned extends ClusterConnection {
  constructor(location: TCPLocation, options: ClusterConnectionOptions & { zone: string }) {
    super(location, options);
  }
}
class Watched extends SentinelManagedConnection {
  constructor(location: TCPLocation, name: string, isPrimary: boolean, options: { watch: boolean }) {
    super(location, name, isPrimary, options as object);
  }
}
const host = 'h';

export function ownOptions(): void {
  expectTypeOf(new ConnectionPool({ host, connectionClass: Proxied, proxy: 'x' })).toEqualTypeOf<
    ConnectionPool<Proxied, false>
  >();
  new ConnectionPool({ host, connectionClass: Proxied, proxy: 'x', maxConnections: 5, db: 1 });
  new ConnectionPool({ host, connectionClass: Labelled, label: 'x' });
  new ConnectionPool({ host, connectionClass: Labelled });
  new ConnectionPool({ host, connectionClass: Open, anything: 1 });
  new ConnectionPool({ host, connectionClass: Plain, maxConnections: 5 });
  new ConnectionPool({ host, connectionClass: LocationOnly, maxConnections: 5 });
  // @ts-expect-error: the class needs it
  new ConnectionPool({ host, connectionClass: Proxied });
  // @ts-expect-error: the class has none of that type
  new ConnectionPool({ host, connectionClass: Proxied, proxy: 5 });
  // @ts-expect-error: the class has no such option
  new ConnectionPool({ host, connectionClass: Proxied, prox: 'x' });
  // @ts-expect-error: neither class nor pool has it
  new ConnectionPool({ host, connectionClass: Proxied, proxy: 'x', maxConnection: 5 });
  // @ts-expect-error: neither class nor pool has it
  new ConnectionPool({ host, connectionClass: Plain, maxConnection: 5 });
  // @ts-expect-error: neither class nor pool has it
  new ConnectionPool({ host, connectionClass: LocationOnly, maxConnection: 5 });

  new ClusterConnectionPool({ startupNodes: [], connectionClass: Zoned, zone: 'a' });
  // @ts-expect-error: neither class nor pool has it
  new ClusterConnectionPool({ startupNodes: [], connectionClass: Zoned, zone: 'a', maxConnection: 5 });
  // @ts-expect-error: no such option
  new ClusterConnectionPool({ startupNodes: [], maxConnection: 5 });
}

export function ofSentinels(sentinelManager: Sentinel): void {
  const service = { serviceName: 'm', sentinelManager };
  new SentinelConnectionPool({ ...service, connectionClass: Watched, watch: true });
  // @ts-expect-error: neither class nor pool has it
  new SentinelConnectionPool({ ...service, connectionClass: Watched, watch: true, maxConnection: 5 });
  // @ts-expect-error: no such option
  new SentinelConnectionPool({ ...service, maxConnection: 5 });
}

export function urls(general: ConnectionPoolOptions): void {
  const url = 'redis://h';
  expectTypeOf(ConnectionPool.fromUrl(url, { connectionClass: Proxied, proxy: 'x', db: 1 })).toEqualTypeOf<
    ConnectionPool<Proxied, false>
  >();
  ConnectionPool.fromUrl(url, general);
  ConnectionPool.fromUrl(url, { onState: ({ state }) => expectTypeOf(state).toEqualTypeOf<'up' | 'down'>() });
  // @ts-expect-error: no such option
  ConnectionPool.fromUrl(url, { maxConnections: 4, maxConection: 5 });
  // @ts-expect-error: neither class nor pool has it
  ConnectionPool.fromUrl(url, { connectionClass: Proxied, proxy: 'x', maxConnection: 5 });
  // @ts-expect-error: no such option
  ClusterConnectionPool.fromUrl(url, { maxConnections: 4, maxConection: 5 });
  // @ts-expect-error: no such option
  SentinelConnectionPool.fromUrl('redis+sentinel://h/m', { maxConnections: 4, maxConection: 5 });
}

class OwnPool extends ConnectionPool<Proxied, true, ProxyOptions> {
  constructor() {
    super({ host, connectionClass: Proxied, proxy: 'x', decodeResponses: true });
  }
}
class AnyPool<C extends BaseConnection, D extends Decoding> extends ConnectionPool<C, D> {
  readonly own = 1;
  constructor(options: ConnectionPoolOptions<C, D>) {
    super(options);
  }
}
class Simple extends ConnectionPool {}

export function subclasses(value: unknown): object[] {
  expectTypeOf(new OwnPool().tryGetConnection()).toEqualTypeOf<Proxied | null>();
  expectTypeOf(AnyPool.fromUrl('redis://h').own).toEqualTypeOf<number>();
  if (value instanceof ConnectionPool) expectTypeOf(value.statistics.waiting).toEqualTypeOf<number>();
  if (value instanceof Simple) expectTypeOf(value).toEqualTypeOf<Simple>();
  return [new Simple({ host })];
}

export function everydayNames(): void {
  const text: TextPool = ConnectionPool.fromUrl('redis://h', { decodeResponses: true });
  const bytes: BytesPool = ConnectionPool.fromUrl('redis://h');
  expectTypeOf(text).toEqualTypeOf<ConnectionPool<BaseConnection, true>>();
  expectTypeOf(bytes).toEqualTypeOf<ConnectionPool>();
  // @ts-expect-error: a pool of text is no pool of bytes
  const wrong: BytesPool = text;
  void wrong;
}
