import {
  AuthenticationError,
  AuthenticationFailureError,
  AuthenticationRequiredError,
  AuthorizationError,
  type BaseConnection,
  ConnectionPool,
  ProtocolError,
  RedisError,
  TimeoutError,
} from '../../index.ts';
import { parseInfo } from '../server-info.ts';
import { poolOptions, type Target } from '../target.ts';
import { bytes, integer } from '../terminal.ts';
import { Fatal, type Finding, good, note, wrong } from './finding.ts';

type Pool = ConnectionPool<BaseConnection, true>;

/** Commands that the package itself sends, and the loss if they are refused. */
const NEEDED: readonly (readonly [command: string, args: readonly string[], loss: string])[] = [
  ['PING', [], 'dead connections are noticed by their callers only'],
  ['CLIENT', ['ID'], 'cancelled blocking commands cost their connection'],
  ['INFO', ['server'], 'the server cannot be told from others'],
];

/** Checks the handshake, the protocol, the user's permissions and the server's limits. */
export async function* server(target: Target, signal: AbortSignal): AsyncGenerator<Finding> {
  await using pool = ConnectionPool.fromUrl(target.url, {
    ...poolOptions(target),
    // Setting a name takes a command that an ACL may refuse, which would hide the checks below.
    clientName: null,
    decodeResponses: true,
    retryPolicy: { next: () => null },
  });
  try {
    await pool.open({ timeout: target.timeout, signal });
  } catch (error) {
    throw new Fatal(refusal(error as Error, target));
  }
  yield await handshake(pool);
  yield* permissions(pool, target.timeout);
  yield* limits(pool, target.timeout);
}

/** The innermost cause, which says most. */
function rootOf(error: Error): Error {
  let root = error;
  while (root.cause instanceof Error) root = root.cause;
  return root;
}

/** Explains a failed handshake. */
function refusal(error: Error, target: Target): Finding {
  const root = rootOf(error);
  const all = `${error.message} ${root.message}`;
  if (/max number of clients/i.test(all))
    return wrong(
      'clients',
      'The server has reached its maxclients.',
      'Raise maxclients, or close connections that are not used (CLIENT LIST).',
    );
  if (error instanceof AuthenticationRequiredError || root instanceof AuthenticationRequiredError)
    return wrong(
      'login',
      'The server wants a password.',
      'Put it into REDISCLI_AUTH or REDIS_URL, or use --ask-password.',
    );
  if (
    [error, root].some(
      (one) => one instanceof AuthenticationFailureError || one instanceof AuthenticationError,
    )
  )
    return wrong(
      'login',
      'The server refuses this user name and password.',
      'Check both; a password in a URL is taken literally unless ?decodeComponents=true.',
    );
  if (root instanceof ProtocolError || error instanceof ProtocolError)
    return wrong(
      'protocol',
      `The server at this port does not speak the Redis protocol${/http/i.test(all) ? ' but HTTP' : ''}.`,
      'Check the port.',
    );
  if (error instanceof TimeoutError || root instanceof TimeoutError)
    return wrong(
      'HELLO',
      'The server accepts the connection and does not answer.',
      target.tls
        ? 'It hangs, or a proxy stands in between.'
        : 'It hangs, wants TLS (rediss://), or a proxy stands in between.',
    );
  return wrong('HELLO', root.message, 'See the message.');
}

async function handshake(pool: Pool): Promise<Finding> {
  const { version, old } = await pool.use((connection) => ({
    version: connection.serverVersion,
    old: connection.clientId === null,
  }));
  const text = version === null ? 'The server answers' : `The server answers, version ${version}`;
  return old
    ? note(
        'protocol',
        `${text}; it speaks RESP2 only.`,
        'Client-side caching stays off; everything else works.',
      )
    : good('protocol', `${text}, RESP3.`);
}

async function* permissions(pool: Pool, timeout: number): AsyncGenerator<Finding> {
  let refused = 0;
  for (const [command, args, loss] of NEEDED) {
    const reply = await pool.executeRequest(command, args, { timeout, raiseExceptions: false });
    if (!(reply instanceof AuthorizationError)) continue;
    refused++;
    yield wrong(
      'ACL',
      `The user may not run ${[command, ...args].join(' ')}: ${loss}.`,
      `Allow it: ACL SETUSER … +${command.toLowerCase()}${args.length > 0 && command === 'CLIENT' ? `|${args[0]?.toLowerCase()}` : ''}`,
    );
  }
  const listener = await pool.executeRequest('CLIENT', ['TRACKINGINFO'], { timeout, raiseExceptions: false });
  if (listener instanceof AuthorizationError && refused === 0)
    yield note(
      'ACL',
      'The user may not run CLIENT TRACKING: client-side caching stays off.',
      'Allow it: ACL SETUSER … +client|tracking',
    );
  if (refused === 0) yield good('ACL', 'The user may run the commands that the package uses.');
}

async function* limits(pool: Pool, timeout: number): AsyncGenerator<Finding> {
  const reply = await pool.executeRequest('INFO', [], { timeout, raiseExceptions: false });
  if (reply instanceof RedisError) return;
  const info = parseInfo(String(reply));
  const number = (name: string): number => Number(info.get(name) ?? 0);
  const [clients, most] = [number('connected_clients'), number('maxclients')];
  if (most > 0 && clients > 0.9 * most)
    yield note(
      'clients',
      `${integer(clients)} of ${integer(most)} clients are connected.`,
      'Raise maxclients, or lower maxConnections of the pools.',
    );
  else if (most > 0) yield good('clients', `${integer(clients)} of ${integer(most)} clients are connected.`);
  const [used, limit] = [number('used_memory'), number('maxmemory')];
  if (limit > 0 && used > 0.95 * limit)
    yield note(
      'memory',
      `${bytes(used)} of ${bytes(limit)} are used.`,
      'Writes fail or evict keys soon: see maxmemory-policy.',
    );
  if (info.get('loading') === '1')
    yield note('loading', 'The server is loading its data set.', 'Wait until it is done.');
  if (info.get('role') === 'slave')
    yield note(
      'role',
      `This is a replica of ${info.get('master_host')}:${info.get('master_port')}.`,
      'Writes go to its primary.',
    );
}
