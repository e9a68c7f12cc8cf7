import * as net from 'node:net';
import { channels, observed } from '../telemetry/channels.ts';
import type { ConnectAttemptEvent } from '../telemetry/events.ts';

/**
 * Takes the first `bytes` of `slab`, which the next read of any connection of this thread overwrites:
 * what is kept must be copied before the call returns.
 */
type SlabReader = (slab: Buffer, bytes: number) => void;

/** Memory for the next read instead of the slab, asked for after each read; null: the slab. */
type ReadTarget = () => Buffer | null;

export interface KeepAlive {
  enabled: boolean;
  /** Milliseconds of silence before the first probe; absent: 30,000 (systems wait two hours). */
  idle?: number | undefined;
}

export interface DialOptions {
  /** Ends the dial: the socket is destroyed and the promise rejects with the signal's reason. */
  signal: AbortSignal;
  keepAlive?: KeepAlive | undefined;
  /** Where the bytes go instead of 'data' events; ignored over TLS and where `slabReading` is false. */
  reader?: SlabReader | undefined;
  target?: ReadTarget | undefined;
  /** For events: TLS follows. */
  tls?: boolean | undefined;
}

/**
 * One slab serves every connection of the thread, for parsing is synchronous. On Windows the system holds the
 * buffer of each pending read, so that two connections would write into it at the same time.
 *
 * @testable
 */
export const slabReading: boolean = process.platform !== 'win32';
const SLAB_SIZE = 256 * 1024;
let slab: Buffer | undefined;

/** A socket not yet connected, whose bytes go to `reader`. */
export function createSocket({ reader, target }: Partial<DialOptions>): net.Socket {
  const reading = reader === undefined || !slabReading ? {} : readInto(reader, target, goOn);
  const socket = new net.Socket(reading);
  function goOn(): void {
    // If someone paused the socket meanwhile, they resume it.
    if (!socket.destroyed && !socket.isPaused()) socket.resume();
  }
  // An error between two owners, or after the last of them has left, must not end the process.
  socket.on('error', ignore);
  return socket;
}

function readInto(
  reader: SlabReader,
  target: ReadTarget | undefined,
  goOn: () => void,
): net.SocketConstructorOpts & { onread: net.OnReadOpts } {
  const own = (slab ??= Buffer.allocUnsafeSlow(SLAB_SIZE));
  let current = own;
  const callback = (bytes: number): boolean => {
    const { length } = current;
    reader(current, bytes);
    if (current === own || bytes < length) return true;
    // More is there already. It would be read at once, up to 32 times, before any other socket gets its turn.
    setImmediate(goOn);
    return false;
  };
  if (target === undefined) return { onread: { buffer: own, callback } };
  let begun = false;
  // Asked for once in the beginning and then after each read; nothing said means: the same again.
  const buffer = (): Buffer => {
    const next = begun ? (target() ?? own) : own;
    begun = true;
    current = next;
    return next;
  };
  return { onread: { buffer, callback } };
}

/** Resolves when the socket emits `event`; else destroys it and rejects with its error or the signal's reason. */
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

/** Publishes what becomes of one physical attempt, where anybody listens. */
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
