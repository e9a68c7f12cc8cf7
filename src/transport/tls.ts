import { isIP } from 'node:net';
import * as tls from 'node:tls';
import { ignore, settle } from './socket.ts';
import type { DialOptions } from './socket.ts';
import { dialTcp } from './tcp.ts';
import type { Lookup } from './tcp.ts';

/**
 * Connects and negotiates TLS 1.2 or later. `servername` replaces `host` as the name to verify, and to send as SNI
 * unless it is an IP address. Bytes arrive as 'data' events, because decrypted data cannot be read into the slab.
 */
export async function dialTls(
  host: string,
  port: number,
  tlsOptions: tls.ConnectionOptions,
  servername: string | undefined,
  options: DialOptions,
  lookup?: Lookup,
): Promise<tls.TLSSocket> {
  const plain = await dialTcp(host, port, { ...options, reader: undefined, tls: true }, lookup);
  let socket: tls.TLSSocket;
  try {
    socket = tls.connect({ ...prepare(tlsOptions, servername ?? host), socket: plain });
  } catch (error) {
    plain.destroy();
    throw error;
  }
  socket.on('error', ignore);
  return settle(socket, 'secureConnect', options.signal);
}

/** Own properties for every verification option, so that a polluted Object.prototype cannot weaken it. */
const OWN: tls.ConnectionOptions = {
  ca: undefined,
  cert: undefined,
  key: undefined,
  pfx: undefined,
  secureContext: undefined,
  secureProtocol: undefined,
  servername: undefined,
  session: undefined,
  pskCallback: undefined,
};

function prepare(given: tls.ConnectionOptions, name: string): tls.ConnectionOptions {
  const options: tls.ConnectionOptions = { ...OWN, ...given };
  if (options.secureProtocol === undefined && options.secureContext === undefined) {
    options.minVersion = (Object.hasOwn(options, 'minVersion') ? options.minVersion : undefined) ?? 'TLSv1.2';
  }
  // SNI allows no IP addresses; an IP address is only compared with the certificate, as `host`.
  if (isIP(name) === 0) options.servername ??= name;
  options.host = name;
  return options;
}
