import { nameClass } from '../base/classes.ts';
import { Deadline, refuseUnknownWait } from '../base/deadline.ts';
import { dialTcp } from './tcp.ts';
import { dialUnix } from './unix.ts';
import type { DialOptions } from './socket.ts';

/** Default time limit of `check`, in ms. */
const DEFAULT_CHECK_TIMEOUT = 5_000;

/** How long `check` may wait. */
export interface CheckOptions {
  signal?: AbortSignal | undefined;
  timeout?: number | null | undefined;
}

/** The address that a server listens on. Abstract, also at run time. */
export abstract class Location {
  static {
    nameClass(this, 'Location');
  }

  constructor() {
    if (new.target === Location) throw new TypeError('Location is abstract: use one of its subclasses');
  }

  /**
   * Whether a server accepts connections there. Sends no bytes, and rejects only when the signal fires. `timeout` in
   * ms, default: 5,000; `null`: the limit of the operating system.
   */
  abstract check(options?: CheckOptions): Promise<boolean>;
  abstract toString(): string;

  /** Whether the other location has the same class and the same address. */
  equals(other: Location): boolean {
    return this === other || (sameClass(this, other) && this.toString() === other.toString());
  }
}

/**
 * A host and a port. A host name is resolved at every dial.
 *
 * @example new ConnectionPool({ location: new TCPLocation('cache.example', 6379) })
 */
export class TCPLocation extends Location {
  static {
    nameClass(this, 'TCPLocation');
  }

  /** The host name or IP address as given; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;

  constructor(host: string, port: number) {
    super();
    if (typeof host !== 'string' || host === '') throw new TypeError('host must be a non-empty string');
    if (!isPort(port)) throw new TypeError('port must be an integer from 1 to 65535');
    this.host = host;
    this.port = port;
  }

  check(options?: CheckOptions): Promise<boolean> {
    return probe((dial) => dialTcp(this.host, this.port, dial), options);
  }

  toString(): string {
    return `${this.host}:${this.port}`;
  }
}

/** An address as a plain object, accepted wherever a `TCPLocation` is. */
export interface HostAndPort {
  host: string;
  port: number;
}

/** Returns a location unchanged, makes one from a plain `{ host, port }`, and gives null for anything else. */
export function locationFrom(value: unknown): TCPLocation | null {
  if (value instanceof TCPLocation) return value;
  if (typeof value !== 'object' || value === null) return null;
  const { host, port } = value as Partial<HostAndPort>;
  return typeof host === 'string' && host !== '' && isPort(port) ? new TCPLocation(host, port) : null;
}

/**
 * A Unix domain socket.
 *
 * @example new ConnectionPool({ location: new UnixDomainSocketLocation('/run/redis.sock') })
 */
export class UnixDomainSocketLocation extends Location {
  static {
    nameClass(this, 'UnixDomainSocketLocation');
  }

  readonly path: string;

  constructor(path: string) {
    super();
    if (typeof path !== 'string' || path === '') throw new TypeError('path must be a non-empty string');
    this.path = path;
  }

  check(options?: CheckOptions): Promise<boolean> {
    return probe((dial) => dialUnix(this.path, dial), options);
  }

  toString(): string {
    return this.path;
  }
}

export type ClusterServerType = 'primary' | 'replica';

export interface ClusterNodeDescription {
  nodeId: string;
  serverType: ClusterServerType;
  /** The host name that the node announces, which TLS verifies; `null`: none. */
  hostname?: string | null | undefined;
  /** The availability zone that the node announces (Valkey 9.1 and newer); `null`: none. */
  zone?: string | null | undefined;
}

/** A node as one layout of the cluster describes it. Equality ignores the role, which may change between layouts. */
export class ClusterNodeLocation extends TCPLocation {
  static {
    nameClass(this, 'ClusterNodeLocation');
  }

  /** The node's id, as `CLUSTER MYID` gives it. */
  readonly nodeId: string;
  /** The node's role when the layout was read. */
  readonly serverType: ClusterServerType;
  /** The host name that the node announces, which TLS verifies; null: none. */
  readonly hostname: string | null;
  /** The availability zone that the node announces; null: none. */
  readonly zone: string | null;

  constructor(host: string, port: number, node: ClusterNodeDescription) {
    super(host, port);
    if (typeof node.nodeId !== 'string') throw new TypeError('nodeId must be a string');
    if (node.serverType !== 'primary' && node.serverType !== 'replica') {
      throw new TypeError("serverType must be 'primary' or 'replica'");
    }
    this.nodeId = node.nodeId;
    this.serverType = node.serverType;
    this.hostname = node.hostname ?? null;
    this.zone = node.zone ?? null;
  }

  override equals(other: Location): boolean {
    return super.equals(other) && (other as ClusterNodeLocation).nodeId === this.nodeId;
  }
}

/** Map key of an address. It has one spelling: `[::1]:6379` and `::1:6379` give the same key. */
export function addressKey(host: string, port: number): string {
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  return `${bare.toLowerCase()}:${port}`;
}

/** Map key of a location's address; a cluster node has the same key as the plain location. */
export function keyOf(location: TCPLocation): string {
  return addressKey(location.host, location.port);
}

export function isPort(port: unknown): port is number {
  return Number.isInteger(port) && (port as number) >= 1 && (port as number) <= 65_535;
}

function sameClass(one: object, other: unknown): boolean {
  return typeof other === 'object' && other !== null && one.constructor === other.constructor;
}

async function probe(
  dial: (options: DialOptions) => Promise<{ destroy(): unknown }>,
  options: CheckOptions | undefined,
): Promise<boolean> {
  refuseUnknownWait(options);
  const deadline = Deadline.of(options, { fallback: DEFAULT_CHECK_TIMEOUT });
  if (deadline.aborted) throw deadline.reason;
  try {
    (
      await deadline.run(
        (signal) => dial({ signal }),
        () => new Error('nothing answered in time'),
      )
    ).destroy();
    return true;
  } catch {
    if (deadline.aborted) throw deadline.reason;
    return false;
  }
}
