import { RedisClusterError } from '../../errors/errors.ts';
import { addressKey, TCPLocation } from '../../transport/location.ts';

/** Announced address → reachable address, for NAT and containers. */
export type AddressMap = Record<string, TCPLocation> | ((host: string, port: number) => TCPLocation);

/**
 * What an announced address means to this process. `asked`: no host was announced, which means that of the node
 * that was asked; `host` is then the one it was reached by.
 */
export type ResolveAddress = (host: string, port: number, asked?: TCPLocation) => TCPLocation;

function normal(key: string): string {
  const colon = key.lastIndexOf(':');
  const port = key.slice(colon + 1);
  if (colon < 1 || !/^\d{1,5}$/.test(port)) {
    throw new TypeError(`addressMap: ${JSON.stringify(key)} is no 'host:port'`);
  }
  return addressKey(key.slice(0, colon), Number(port));
}

/** Checks the option and makes it a function. Changes of the record after this are not seen. */
export function addressResolver(map?: AddressMap | null): ResolveAddress {
  if (map === undefined || map === null) return (host, port) => new TCPLocation(host, port);
  if (typeof map === 'function') {
    return (host, port) => {
      let location: TCPLocation;
      try {
        location = map(host, port);
      } catch (cause) {
        throw new RedisClusterError(`addressMap failed for ${addressKey(host, port)}`, { cause });
      }
      if (location instanceof TCPLocation) return location;
      throw new RedisClusterError(`addressMap gave no TCPLocation for ${addressKey(host, port)}`);
    };
  }
  if (typeof map !== 'object') throw new TypeError('addressMap must be a record or a function');
  // A Map, not the record: a server may announce `__proto__`.
  const known = new Map<string, TCPLocation>();
  for (const [key, location] of Object.entries(map)) {
    if (!(location instanceof TCPLocation)) {
      throw new TypeError(`addressMap: the value of ${JSON.stringify(key)} is no TCPLocation`);
    }
    known.set(normal(key), location);
  }
  return (host, port, asked) =>
    known.get(addressKey(host, port)) ??
    (asked === undefined ? undefined : beside(known, asked, port)) ??
    new TCPLocation(host, port);
}

/** The mapping of a port at the host by which the asked node is announced. */
function beside(
  known: ReadonlyMap<string, TCPLocation>,
  asked: TCPLocation,
  port: number,
): TCPLocation | undefined {
  const reached = addressKey(asked.host, asked.port);
  for (const [key, { host, port: own }] of known) {
    if (addressKey(host, own) !== reached) continue;
    const found = known.get(`${key.slice(0, key.lastIndexOf(':'))}:${port}`);
    if (found !== undefined) return found;
  }
  return undefined;
}
