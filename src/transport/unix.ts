import type { Socket } from 'node:net';
import { createSocket, reportAttempt, settle, withCode } from './socket.ts';
import type { DialOptions } from './socket.ts';

/** Longest path of a socket address, in bytes. Node would truncate a longer one and connect to another socket. */
const LONGEST_PATH = process.platform === 'linux' ? 107 : process.platform === 'win32' ? Infinity : 103;

/** Connects to the socket at `path`. */
export async function dialUnix(path: string, options: DialOptions): Promise<Socket> {
  options.signal.throwIfAborted();
  if (Buffer.byteLength(path) > LONGEST_PATH) {
    throw withCode(`the path of a socket has at most ${LONGEST_PATH} bytes`, 'ENAMETOOLONG');
  }
  const socket = createSocket(options);
  const opened = settle(socket, 'connect', options.signal);
  socket.connect({ path });
  return reportAttempt(opened, { address: path, port: undefined, family: 0, tls: false }, options.signal);
}
