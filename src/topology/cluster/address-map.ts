import { RedisClusterError } from '../../errors/errors.ts';
import { addressKey, type HostAndPort, keyOf, locationFrom, TCPLocation } from '../../transport/location.ts';

/**
 * Maps announced addresses to reachable ones, for NAT and containers. `null` refuses an address: it is never dialled,
 * whatever a server announces.
 */
export type AddressMap =
  | Record<string, TCPLocation | HostAndPort | null>
  | ((host: string, port: number) => TCPLocation | HostAndPort | null);

/** The `addressMap` refuses an address that a server announced. */
export class AddressRefusedError extends RedisClusterError {}
AddressRefusedError.prototype.name = 'RedisClusterError';

function refused(host: string, port: number): AddressRefusedError {
  const endpoint = addressKey(host, port);
  return new AddressRefusedError(`addressMap refuses ${endpoint}`, {
    code: 'RESPOOL_ADDRESS_REFUSED',
    endpoint,
  });
}

/** The same refusal, as the reason for what the text says. */
export function refusedFor(text: string, cause: RedisClusterError, command?: string): AddressRefusedError {
  const { code, endpoint } = cause;
  return new AddressRefusedError(`${text}: ${cause.message}`, { code, endpoint, command, cause });
}

/**
 * Translates an announced address into one that this process can dial. `asked` is given if the node announced no host
 * of its own; `host` is then the host by which the node was reached.
 * @throws AddressRefusedError if the map refuses the address.
 */
export type ResolveAddress = (host: string, port: number, asked?: TCPLocation) => TCPLocation;

function normal(key: string): string {
  const colon = key.lastIndexOf(':');
  const port = key.slice(colon + 1);
  if (colon < 1 || !/^\d{1,5}$/.test(port)) {
    throw new TypeError(`addressMap: ${JSON.stringify(key)} is not a host:port`);
  }
  return addressKey(key.slice(0, colon), Number(port));
}

/** Checks the option and turns it into a function. Later changes of a record have no effect. */
export function addressResolver(map?: AddressMap | null): ResolveAddress {
  if (map === undefined || map === null) return (host, port) => new TCPLocation(host, port);
  if (typeof map === 'function') {
    return (host, port) => {
      let given: TCPLocation | HostAndPort | null;
      try {
        given = map(host, port);
      } catch (cause) {
        throw new RedisClusterError(`addressMap failed for ${addressKey(host, port)}`, { cause });
      }
      if (given === null) throw refused(host, port);
      const location = locationFrom(given);
      if (location !== null) return location;
      throw new RedisClusterError(`addressMap gave no location for ${addressKey(host, port)}`);
    };
  }
  if (typeof map !== 'object') throw new TypeError('addressMap must be a record or a function');
  // Copy into a Map, because a server may announce `__proto__`.
  const known = new Map<string, TCPLocation | null>();
  for (const [key, given] of Object.entries(map)) {
    const location = locationFrom(given);
    if (location === null && given !== null) {
      throw new TypeError(`addressMap: the value of ${JSON.stringify(key)} is not a location, nor null`);
    }
    known.set(normal(key), location);
  }
  return (host, port, asked) => {
    const own = known.get(addressKey(host, port));
    const found = own === undefined && asked !== undefined ? beside(known, asked, port) : own;
    if (found === null) throw refused(host, port);
    return found ?? new TCPLocation(host, port);
  };
}

/** Looks up `port` at the announced host that maps to the asked node. */
function beside(
  known: ReadonlyMap<string, TCPLocation | null>,
  asked: TCPLocation,
  port: number,
): TCPLocation | null | undefined {
  const reached = addressKey(asked.host, asked.port);
  for (const [key, location] of known) {
    if (location === null || keyOf(location) !== reached) continue;
    const found = known.get(`${key.slice(0, key.lastIndexOf(':'))}:${port}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Resolves the addresses, without those that the map refuses. */
export function resolveAll(addresses: Iterable<HostAndPort>, resolve: ResolveAddress): TCPLocation[] {
  const found: TCPLocation[] = [];
  for (const { host, port } of addresses) {
    try {
      found.push(resolve(host, port));
    } catch (error) {
      if (!(error instanceof AddressRefusedError)) throw error;
    }
  }
  return found;
}
