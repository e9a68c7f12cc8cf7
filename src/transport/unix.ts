import type { Socket } from 'node:net';
import { createSocket, settle } from './socket.ts';
import type { DialOptions } from './socket.ts';

/** Connects to the socket at `path`. */
export async function dialUnix(path: string, options: DialOptions): Promise<Socket> {
  options.signal.throwIfAborted();
  const socket = createSocket(options.reader);
  const opened = settle(socket, 'connect', options.signal);
  socket.connect({ path });
  return opened;
}
