import * as net from 'node:net';
import { channels, observed } from '../telemetry/channels.ts';
import type { ConnectAttemptEvent } from '../telemetry/events.ts';

interface SocketReader {
  /**
   * Receives the first `bytes` of `slab`. The next read of any connection of this thread overwrites the slab, so copy
   * what you keep before you return.
   */
  received(slab: Buffer, bytes: number): void;
  /** Gives the memory for the next read; null, or no method: the slab. Called after each read. */
  lend?(): Buffer | null;
}

export interface KeepAlive {
  enabled: boolean;
  /** Silence, in ms, before the first probe; default: 30,000 (operating systems use two hours). */
  idle?: number | undefined;
}

export interface DialOptions {
  /** Aborts the dial: destroys the socket and rejects with the signal's reason. */
  signal: AbortSignal;
  keepAlive?: KeepAlive | undefined;
  /** Receives the bytes instead of 'data' events; ignored with TLS and if `slabReading` is false. */
  reader?: SocketReader | undefined;
  /** True if TLS will be negotiated on the socket; only for events. */
  tls?: boolean | undefined;
}

/**
 * Whether one slab serves all connections of the thread, which works because parsing is synchronous. Not on Windows:
 * the system holds the buffer of every pending read, so two connections would write into it at once.
 *
 * @testable
 */
export const slabReading: boolean = process.platform !== 'win32';
const SLAB_SIZE = 256 * 1024;
let slab: Buffer | undefined;

/** Makes a socket, not yet connected, that passes its bytes to `reader`. */
export function createSocket({ reader }: Partial<DialOptions>): net.Socket {
  const reading = reader === undefined || !slabReading ? {} : readInto(reader, goOn);
  const socket = new net.Socket(reading);
  function goOn(): void {
    // If the socket was paused meanwhile, its pauser resumes it.
    if (!socket.destroyed && !socket.isPaused()) socket.resume();
  }
  // An error while the socket has no other listener must not end the process.
  socket.on('error', ignore);
  return socket;
}

function readInto(
  reader: SocketReader,
  goOn: () => void,
): net.SocketConstructorOpts & { onread: net.OnReadOpts } {
  const own = (slab ??= Buffer.allocUnsafeSlow(SLAB_SIZE));
  let current = own;
  const callback = (bytes: number): boolean => {
    const { length } = current;
    reader.received(current, bytes);
    if (current === own || bytes < length) return true;
    // The read filled its target, so more is there. Node would read it up to 32 times before any other socket.
    setImmediate(goOn);
    return false;
  };
  if (reader.lend === undefined) return { onread: { buffer: own, callback } };
  let begun = false;
  // Node calls this once at the start and then after each read.
  const buffer = (): Buffer => {
    const next = begun ? (reader.lend?.() ?? own) : own;
    begun = true;
    current = next;
    return next;
  };
  return { onread: { buffer, callback } };
}

/** Resolves when the socket emits `event`; otherwise destroys it and rejects with its error or the signal's reason. */
export function settle<S extends net.Socket>(socket: S, event: string, signal: AbortSignal): Promise<S> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      socket.off(event, succeed);
      socket.off('error', fail);
      socket.off('close', closed);
      signal.removeEventListener('abort', aborted);
    };
    const succeed = (): void => {
      stop();
      resolve(socket);
    };
    const fail = (error: unknown): void => {
      stop();
      socket.destroy();
      reject(error as Error);
    };
    const aborted = (): void => fail(signal.reason);
    const closed = (): void => fail(withCode('the socket closed while it was opened', 'ECONNRESET'));
    socket.on(event, succeed);
    socket.on('error', fail);
    socket.on('close', closed);
    signal.addEventListener('abort', aborted);
    if (signal.aborted) aborted();
  });
}

export function withCode(message: string, code: string): Error {
  return Object.assign(new Error(message), { code });
}

export function ignore(): void {}

type Attempt = Pick<ConnectAttemptEvent, 'address' | 'port' | 'family' | 'tls'>;

/** Publishes the outcome of one connect attempt, if the channel has subscribers. */
export function reportAttempt(
  opened: Promise<net.Socket>,
  attempt: Attempt,
  signal: AbortSignal,
): Promise<net.Socket> {
  if (!observed(channels.connectAttempt)) return opened;
  const begun = performance.now();
  const report = (outcome: ConnectAttemptEvent['outcome'], error?: unknown): void => {
    const duration = performance.now() - begun;
    channels.connectAttempt.publish({
      ...attempt,
      outcome,
      duration,
      ...(error === undefined ? {} : { error }),
    });
  };
  return opened.then(
    (socket) => {
      report('connected');
      return socket;
    },
    (error: unknown) => {
      report(signal.aborted ? 'abandoned' : 'failed', error);
      throw error;
    },
  );
}
