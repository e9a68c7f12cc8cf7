import { lookup as systemLookup } from 'node:dns';
import type { LookupAddress } from 'node:dns';
import { isIP } from 'node:net';
import type { Socket } from 'node:net';
import { createSocket, reportAttempt, settle, withCode } from './socket.ts';
import type { DialOptions, KeepAlive } from './socket.ts';

/** How long one address may stay silent before the next one is tried beside it. */
const ATTEMPT_DELAY = 250;
const DEFAULT_IDLE = 30_000;

/** Names to addresses; the system's unless a test says otherwise. */
export type Lookup = (
  host: string,
  options: { all: true },
  callback: (error: Error | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * Connects to the first address of `host` that answers. Addresses are tried in the order of the lookup, the two
 * families in turn; one that is silent keeps its chance while the next is tried, so that a slow path still wins
 * over a dead one.
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

/** The two families in turn, beginning with the family of the first address. */
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
  const losers = new AbortController();
  const stop = (): void => losers.abort(options.signal.reason);
  options.signal.addEventListener('abort', stop, { once: true });
  try {
    options.signal.throwIfAborted();
    return await race(addresses, (address) => attempt(address, port, options, losers.signal));
  } catch (error) {
    throw options.signal.aborted ? options.signal.reason : error;
  } finally {
    options.signal.removeEventListener('abort', stop);
    losers.abort();
  }
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

/** The next attempt begins when the last one failed or has been silent for `ATTEMPT_DELAY`. */
function race(
  addresses: readonly LookupAddress[],
  connect: (address: LookupAddress) => Promise<Socket>,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const errors: Error[] = [];
    let winner: Socket | undefined;
    let next = 0;
    let timer: NodeJS.Timeout | undefined;
    const win = (socket: Socket): void => {
      clearTimeout(timer);
      if (winner !== undefined) socket.destroy();
      winner ??= socket;
      resolve(winner);
    };
    const lose = (error: Error): void => {
      errors.push(error);
      if (winner !== undefined) return;
      if (errors.length >= addresses.length) {
        clearTimeout(timer);
        reject(combine(errors));
      } else start();
    };
    const start = (): void => {
      clearTimeout(timer);
      const address = addresses[next++];
      if (address === undefined) return;
      connect(address).then(win, lose);
      if (next < addresses.length) timer = setTimeout(start, ATTEMPT_DELAY);
    };
    if (addresses.length === 0) reject(withCode('the name has no address', 'ENOTFOUND'));
    else start();
  });
}

function combine(errors: Error[]): Error {
  const [first] = errors;
  if (errors.length === 1) return first as Error;
  const message = errors.map((error) => error.message).join('; ');
  return Object.assign(new AggregateError(errors, message), { code: (first as NodeJS.ErrnoException).code });
}
