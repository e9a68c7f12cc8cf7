import { lookup as systemLookup } from 'node:dns';
import type { LookupAddress } from 'node:dns';
import { isIP } from 'node:net';
import type { Socket } from 'node:net';
import { systemClock } from '../base/clock.ts';
import { staggeredRace } from '../base/staggered-race.ts';
import { createSocket, reportAttempt, settle, withCode } from './socket.ts';
import type { DialOptions, KeepAlive } from './socket.ts';

/** Silence of one address, in ms, after which the next address is tried as well. */
const ATTEMPT_DELAY = 250;
const DEFAULT_IDLE = 30_000;

/** Resolves a host name; tests replace the one of the system. */
export type Lookup = (
  host: string,
  options: { all: true },
  callback: (error: Error | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * Connects to the first address of `host` that answers. Addresses are tried in the order of the lookup, alternating
 * between IPv4 and IPv6. A silent attempt continues while the next starts, so a slow path still wins over a dead one.
 */
export async function dialTcp(
  host: string,
  port: number,
  options: DialOptions,
  lookup: Lookup = systemLookup,
): Promise<Socket> {
  options.signal.throwIfAborted();
  const family = isIP(host);
  const addresses =
    family === 0 ? await resolveName(host, options.signal, lookup) : [{ address: host, family }];
  const socket = await firstToConnect(addresses, port, options);
  if (options.signal.aborted) {
    socket.destroy();
    throw options.signal.reason;
  }
  socket.setNoDelay(true);
  if (options.keepAlive !== undefined) applyKeepAlive(socket, options.keepAlive);
  return socket;
}

function applyKeepAlive(socket: Socket, { enabled, idle }: KeepAlive): void {
  if (enabled) socket.setKeepAlive(true, idle ?? DEFAULT_IDLE);
}

function resolveName(host: string, signal: AbortSignal, lookup: Lookup): Promise<LookupAddress[]> {
  return new Promise((resolve, reject) => {
    const aborted = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', aborted, { once: true });
    lookup(host, { all: true }, (error, addresses) => {
      signal.removeEventListener('abort', aborted);
      if (error !== null) reject(error);
      else resolve(inTurn(addresses));
    });
  });
}

/** Alternates between the two address families, starting with that of the first address. */
function inTurn(addresses: readonly LookupAddress[]): LookupAddress[] {
  const first = addresses[0]?.family;
  const one = addresses.filter((address) => address.family === first);
  const other = addresses.filter((address) => address.family !== first);
  const turns: LookupAddress[] = [];
  for (let index = 0; index < Math.max(one.length, other.length); index++) {
    turns.push(...one.slice(index, index + 1), ...other.slice(index, index + 1));
  }
  return turns;
}

async function firstToConnect(
  addresses: readonly LookupAddress[],
  port: number,
  options: DialOptions,
): Promise<Socket> {
  const outcome = await staggeredRace(
    addresses,
    (address, { signal }) => attempt(address, port, options, signal),
    {
      headStart: ATTEMPT_DELAY,
      signal: options.signal,
      clock: systemClock,
      unref: false,
      discard: (socket) => socket.destroy(),
    },
  );
  if (outcome.winner !== null) return outcome.value;
  if (addresses.length === 0) throw withCode('the name has no address', 'ENOTFOUND');
  throw combine(outcome.failures.map(({ error }) => error as Error));
}

function attempt(
  { address, family }: LookupAddress,
  port: number,
  options: DialOptions,
  signal: AbortSignal,
): Promise<Socket> {
  const socket = createSocket(options);
  const opened = settle(socket, 'connect', signal);
  socket.connect({ host: address, port, family });
  const { tls = false } = options;
  return reportAttempt(opened, { address, port, family, tls }, signal);
}

function combine(errors: Error[]): Error {
  const [first] = errors;
  if (errors.length === 1) return first as Error;
  const message = errors.map((error) => error.message).join('; ');
  return Object.assign(new AggregateError(errors, message), { code: (first as NodeJS.ErrnoException).code });
}
