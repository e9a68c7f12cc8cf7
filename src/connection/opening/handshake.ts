import {
  AuthenticationError,
  AuthorizationError,
  ConnectionError,
  ProtocolError,
  ResponseError,
  StalePrimaryError,
  UnknownCommandError,
} from '../../errors/errors.ts';
import type { Credentials } from '../../interfaces/credential-provider.ts';
import type { RedisValue, Reply } from '../../resp/types.ts';
import { call } from '../requests/call.ts';
import type { ConnectionCore } from '../connection-core.ts';
import type { NormalizedConnectionOptions } from '../connection-options.ts';

/** @testable */
export const LIBRARY_NAME = 'respool';
/** @testable */
export const LIBRARY_VERSION = '0.1.0';

/** One command of the handshake. `may fail`: if the server refuses it, the feature is off. */
export interface HandshakeStep {
  readonly command: string;
  readonly args: readonly RedisValue[];
  readonly rule: 'must pass' | 'may fail';
  readonly check?: (reply: Reply) => void;
  /** True: the step is skipped on RESP2. */
  readonly needsPushes?: boolean;
  /** Called with the outcome of a step that may fail. */
  readonly told?: (refused: boolean) => void;
}

export interface Greeting {
  readonly version: string | null;
  readonly clientId: number | null;
}

const NOTHING: Greeting = { version: null, clientId: null };

/** The commands after HELLO, sent in one write. */
export function laterSteps(options: NormalizedConnectionOptions): readonly HandshakeStep[] {
  const must = (command: string, ...args: RedisValue[]): HandshakeStep => ({
    command,
    args,
    rule: 'must pass',
  });
  const steps: HandshakeStep[] = [];
  const { clientInfo } = options;
  // With `protocol: 2` only commands that an option asks for are sent.
  if (clientInfo !== false && (options.protocol !== 2 || clientInfo !== null)) {
    const name = clientInfo === null ? LIBRARY_NAME : `${LIBRARY_NAME}(${clientInfo})`;
    steps.push(
      { command: 'CLIENT SETINFO', args: ['LIB-NAME', name], rule: 'may fail' },
      { command: 'CLIENT SETINFO', args: ['LIB-VER', LIBRARY_VERSION], rule: 'may fail' },
    );
  }
  if (options.db !== 0) steps.push(must('SELECT', options.db));
  if (options.clientName !== null) steps.push(must('CLIENT SETNAME', options.clientName));
  if (options.noevict) steps.push(must('CLIENT NO-EVICT', 'ON'));
  if (options.notouch) steps.push(must('CLIENT NO-TOUCH', 'ON'));
  return steps;
}

/** `READONLY`: a replica of a cluster answers reads itself instead of redirecting them. */
export const READONLY_STEP: HandshakeStep = { command: 'READONLY', args: [], rule: 'must pass' };

/** Checks that `ROLE` confirms the role that the sentinels reported. */
export function roleStep(service: string, endpoint: string, isPrimary: boolean): HandshakeStep {
  const wanted = isPrimary ? 'master' : 'slave';
  return {
    command: 'ROLE',
    args: [],
    rule: 'must pass',
    check(reply) {
      const role = Array.isArray(reply) && typeof reply[0] === 'string' ? reply[0] : 'unknown';
      if (role === wanted) return;
      throw new StalePrimaryError(
        `${endpoint} is not a ${isPrimary ? 'primary' : 'replica'} of '${service}' (its role is ${role.slice(0, 32)})`,
        { endpoint },
      );
    },
  };
}

/** Sends HELLO 3 with AUTH, alone in its write. If the server refuses HELLO and `protocol` allows it, RESP2 is used. */
export async function greet(
  core: ConnectionCore,
  credentials: Credentials | null,
  { protocol, streamTimeout }: Pick<NormalizedConnectionOptions, 'protocol' | 'streamTimeout'>,
): Promise<Greeting> {
  const auth = credentials === null ? [] : ['AUTH', credentials.username, credentials.password];
  if (protocol !== 2) {
    try {
      const reply = await call(core, 'HELLO', ['3', ...auth], { ledger: false, timeout: streamTimeout });
      // Some proxies answer OK to commands they do not know.
      if (reply !== 'OK' || protocol === 3) return readGreeting(core, reply, protocol);
    } catch (error) {
      if (protocol === 3 || !isRefusalOfHello(error, credentials !== null)) throw error;
    }
  }
  core.session.resp = 2;
  await authenticate(core, credentials, streamTimeout);
  return NOTHING;
}

/** Whether the error refuses HELLO or RESP3, in any of the servers' wordings, rather than the credentials. */
function isRefusalOfHello(error: unknown, authenticates: boolean): boolean {
  if (error instanceof UnknownCommandError) return true;
  if (error instanceof AuthorizationError) return true;
  if (error instanceof ProtocolError) return error.code === 'NOPROTO';
  if (!(error instanceof ResponseError) || error instanceof AuthenticationError || error.code !== 'ERR') {
    return false;
  }
  return !authenticates || !/password|credential|authenticat|\bAUTH\b/i.test(error.message);
}

/** Sends AUTH with nothing else outstanding: some servers lose its error while replies are pending. */
export async function authenticate(
  core: ConnectionCore,
  credentials: Credentials | null,
  timeout: number | null,
): Promise<void> {
  if (credentials === null) return;
  const { username, password } = credentials;
  // Redis before 6 has no user names.
  const args = core.session.resp === 2 && username === 'default' ? [password] : [username, password];
  await call(core, 'AUTH', args, { ledger: false, timeout });
}

/** Reads the reply to HELLO: a map, or on RESP2 the same pairs as a flat array. */
function readGreeting(core: ConnectionCore, reply: Reply, protocol: 3 | 'auto'): Greeting {
  const fields = reply instanceof Map ? reply : new Map<Reply, Reply>();
  if (Array.isArray(reply)) {
    for (let at = 0; at + 1 < reply.length; at += 2) fields.set(reply[at]!, reply[at + 1]!);
  }
  const spoken = fields.get('proto');
  if (spoken === 2 && protocol === 'auto') {
    core.session.resp = 2;
  } else if (spoken !== 3 || !(reply instanceof Map)) {
    throw core.error(ConnectionError, 'the reply to HELLO 3 was not RESP3', { command: 'HELLO' });
  }
  const version = fields.get('version');
  const id = fields.get('id');
  return {
    version: typeof version === 'string' ? version : null,
    clientId: typeof id === 'number' ? id : null,
  };
}

export async function runSteps(
  core: ConnectionCore,
  steps: readonly HandshakeStep[],
  timeout: number | null,
): Promise<void> {
  // Bytes that followed the reply to HELLO may have ended the connection.
  if (core.state === 'closed') throw core.failure;
  // Only an error reply is harmless. A time-out still rejects, because a late reply would be taken for the next one.
  const due = steps.filter(({ needsPushes }) => needsPushes !== true || core.session.resp === 3);
  const pending = due.map(({ command, args, rule }) =>
    call(core, command, args, { timeout, raise: rule === 'must pass' }),
  );
  for (const [index, step] of due.entries()) {
    const reply = await (pending[index] as Promise<Reply>);
    if (step.rule === 'may fail') {
      step.told?.(reply instanceof Error);
      continue;
    }
    if (step.check !== undefined) step.check(reply);
    else expectOk(core, step.command, reply);
  }
}

function expectOk(core: ConnectionCore, command: string, reply: Reply): void {
  if (reply === 'OK') return;
  throw core.error(ConnectionError, `${command} did not return OK`, { command });
}
