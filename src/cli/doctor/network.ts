import { lookup } from 'node:dns/promises';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type PeerCertificate, type TLSSocket } from 'node:tls';
import type { Target } from '../target.ts';
import { milliseconds } from '../terminal.ts';
import { Fatal, type Finding, good, note, wrong } from './finding.ts';

const DAY = 86_400_000;
const SOON = 30 * DAY;

/** One address of a set-up. */
export interface Place {
  readonly host: string;
  readonly port: number;
}

/** Resolves the host name to all its addresses, IPv4 and IPv6. */
async function* names({ host }: Place): AsyncGenerator<Finding> {
  if (isIP(host) !== 0) return;
  try {
    const found = await lookup(host, { all: true });
    const text = found.map(({ address, family }) => `${address} (IPv${family})`).join(', ');
    yield good('name', `${host} is ${text}`);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Fatal(
      wrong(
        'name',
        `${host} cannot be resolved (${code}).`,
        'Check the host name and the resolver of this machine.',
      ),
    );
  }
}

function opened(socket: Socket, event: string, timeout: number): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.setTimeout(timeout, () => {
      socket.destroy();
      reject(Object.assign(new Error(`no answer within ${timeout} ms`), { code: 'TIMEOUT' }));
    });
    socket.once(event, resolve).once('error', reject);
  });
}

/** Makes a TCP connection. */
async function* tcp({ host, port }: Place, timeout: number): AsyncGenerator<Finding> {
  const begun = performance.now();
  const socket = connectTcp({ host, port });
  try {
    await opened(socket, 'connect', timeout);
    yield good('TCP', `${host}:${port} accepts connections (${milliseconds(performance.now() - begun)}).`);
  } catch (error) {
    throw new Fatal(unreachable(`${host}:${port}`, error as NodeJS.ErrnoException));
  } finally {
    socket.destroy();
  }
}

/** Explains why a TCP connection cannot be made. */
function unreachable(where: string, error: NodeJS.ErrnoException): Finding {
  const code =
    error.code ?? (error as { errors?: NodeJS.ErrnoException[] }).errors?.[0]?.code ?? error.message;
  if (code === 'ECONNREFUSED')
    return wrong('TCP', `${where} refuses connections.`, 'Start the server, or correct host and port.');
  if (code === 'TIMEOUT' || code === 'ETIMEDOUT')
    return wrong(
      'TCP',
      `${where} does not answer.`,
      'A firewall or a wrong address swallows packets: check routes and security groups.',
    );
  return wrong(
    'TCP',
    `${where} cannot be reached (${code}).`,
    'Check the address and the network of this machine.',
  );
}

const TLS_ADVICE: Record<string, readonly [says: string, advice: string]> = {
  CERT_HAS_EXPIRED: ['The certificate of the server has expired.', 'Renew the certificate on the server.'],
  CERT_NOT_YET_VALID: [
    'The certificate of the server is not valid yet.',
    'Check the clocks of both machines.',
  ],
  ERR_TLS_CERT_ALTNAME_INVALID: [
    'The certificate of the server is for another host name.',
    'Use a name that the certificate lists, or issue one for this name.',
  ],
};
const UNTRUSTED = new Set([
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_SIGNATURE_FAILURE',
]);

/** Makes a TLS handshake: checks chain, host name and expiry. */
async function* tls({ host, port }: Place, target: Target): AsyncGenerator<Finding> {
  const options = { host, port, ...(isIP(host) === 0 ? { servername: host } : {}), ...target.sslContext };
  const socket = connectTls(options);
  try {
    await opened(socket, 'secureConnect', target.timeout);
    yield* certificate(socket, target);
  } catch (error) {
    throw new Fatal(tlsFailure(error as NodeJS.ErrnoException));
  } finally {
    socket.destroy();
  }
}

function tlsFailure({ code, message }: NodeJS.ErrnoException): Finding {
  const known = TLS_ADVICE[code ?? ''];
  if (known !== undefined) return wrong('TLS', known[0], known[1]);
  if (UNTRUSTED.has(code ?? ''))
    return wrong(
      'TLS',
      'The certificate of the server is not signed by a trusted authority.',
      'Name the authority with --tls-ca (in code: sslContext.ca).',
    );
  if (
    code === 'TIMEOUT' ||
    code === 'ECONNRESET' ||
    code === 'EPROTO' ||
    code?.startsWith('ERR_SSL') === true
  )
    return wrong(
      'TLS',
      'The server does not speak TLS at this port.',
      'Use redis:// instead of rediss://, or the TLS port.',
    );
  return wrong(
    'TLS',
    `The TLS handshake fails (${code ?? message}).`,
    'Check certificates and keys on both sides.',
  );
}

function* certificate(socket: TLSSocket, target: Target): Generator<Finding> {
  const peer: PeerCertificate = socket.getPeerCertificate();
  const until = new Date(peer.valid_to).getTime();
  if (target.sslContext?.rejectUnauthorized === false)
    yield note(
      'TLS',
      'The certificate of the server is not verified.',
      'Use --tls-ca instead of --insecure.',
    );
  const days = Math.floor((until - Date.now()) / DAY);
  if (Number.isFinite(until) && until - Date.now() < SOON)
    yield note('TLS', `The certificate expires in ${days} days.`, 'Renew it in time.');
  else yield good('TLS', `${socket.getProtocol()}, the certificate is valid for ${days} days.`);
}

/** Checks name, TCP and TLS of one address. */
export async function* network(place: Place, target: Target): AsyncGenerator<Finding> {
  yield* names(place);
  yield* tcp(place, target.timeout);
  if (target.tls) yield* tls(place, target);
}
