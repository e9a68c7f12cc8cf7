import * as errors from './errors.ts';
import { type RedisError, type RedisErrorOptions, ResponseError, withoutFrames } from './errors.ts';

type Make = new (message: string, options: RedisErrorOptions) => RedisError;

/** The class of an error reply by its first word. */
const BY_PREFIX: ReadonlyMap<string, Make> = new Map<string, Make>([
  ['BUSYGROUP', errors.StreamDuplicateConsumerGroupError],
  ['CLUSTERDOWN', errors.ClusterDownError],
  ['CROSSSLOT', errors.ClusterCrossSlotError],
  ['EXECABORT', errors.ExecAbortError],
  ['LOADING', errors.BusyLoadingError],
  ['NOSCRIPT', errors.NoScriptError],
  ['NOAUTH', errors.AuthenticationRequiredError],
  ['WRONGPASS', errors.AuthenticationFailureError],
  ['NOPERM', errors.AuthorizationError],
  ['NOPROTO', errors.ProtocolError],
  ['NOGROUP', errors.StreamConsumerGroupError],
  ['NOKEY', errors.NoKeyError],
  ['NOTBUSY', errors.NotBusyError],
  ['READONLY', errors.ReadOnlyError],
  ['TRYAGAIN', errors.TryAgainError],
  ['UNBLOCKED', errors.UnblockedError],
  ['WRONGTYPE', errors.WrongTypeError],
]);

const REHASHING = 'TRYAGAIN Multiple keys request during rehashing of slot';

/** Error lines that servers send word for word. They contain no argument, and most errors are one of them. */
const FIXED_LINES: readonly string[] = [
  'BUSYGROUP Consumer Group name already exists',
  'CLUSTERDOWN Hash slot not served',
  'CLUSTERDOWN The cluster is down',
  'CLUSTERDOWN The cluster is down and only accepts read commands',
  "CROSSSLOT Keys in request don't hash to the same slot",
  'ERR DB index is out of range',
  'ERR EXEC without MULTI',
  'ERR MULTI calls can not be nested',
  'ERR hash value is not an integer',
  'ERR increment or decrement would overflow',
  'ERR index out of range',
  'ERR max number of clients reached',
  'ERR no such key',
  'ERR offset is out of range',
  'ERR source and destination objects are the same',
  'ERR syntax error',
  'ERR timeout is negative',
  'ERR timeout is not a float or out of range',
  'ERR value is not a valid float',
  'ERR value is not an integer or out of range',
  'ERR value is out of range, must be positive',
  'EXECABORT Transaction discarded because of previous errors.',
  'LOADING Redis is loading the dataset in memory',
  'LOADING Valkey is loading the dataset in memory',
  "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
  'NOAUTH Authentication required.',
  'NOREPLICAS Not enough good replicas to write.',
  'NOSCRIPT No matching script. Please use EVAL.',
  'NOSCRIPT No matching script.',
  "OOM command not allowed when used memory > 'maxmemory'.",
  "READONLY You can't write against a read only replica.",
  REHASHING,
  'UNBLOCKED client unblocked via CLIENT UNBLOCK',
  'WRONGPASS invalid username-password pair or user is disabled.',
  'WRONGTYPE Operation against a key holding the wrong kind of value',
];
interface FixedLine {
  readonly type: Make;
  readonly options: { readonly code: string };
}
const fixedLines = new Map<string, FixedLine>();
for (const line of FIXED_LINES) {
  const code = line.slice(0, line.indexOf(' '));
  const full = line === 'ERR max number of clients reached';
  const type = full ? errors.ConnectionError : (BY_PREFIX.get(code) ?? ResponseError);
  fixedLines.set(line, { type, options: { code } });
}

/** Whether the message is a fixed line, so that it contains no argument. */
export function isFixedLine(message: string): boolean {
  return fixedLines.has(message);
}

const PASSING: ReadonlySet<string> = new Set(['BUSY', 'CLUSTERDOWN', 'MASTERDOWN', 'TRYAGAIN']);
const UNKNOWN = /^ERR (?:unknown (?:sub)?command|sub command not supported)/i;
const QUOTED = /^[^'"`]{0,64}['"`]([^'"`]{0,128})['"`]/;
const LONGEST_CODE = 32;

/** Whether the word is in capitals, like the error codes of servers; otherwise it is ordinary text. */
function looksLikeCode(word: string): boolean {
  const { length } = word;
  if (length < 3 || length > LONGEST_CODE) return false;
  for (let at = 0; at < length; at++) {
    const char = word.charCodeAt(at);
    if ((char < 0x41 || char > 0x5a) && (char !== 0x5f || at === 0)) return false;
  }
  return true;
}

/** Removes the parts that repeat arguments, because a message must never show a value. */
function withoutArguments(text: string): string {
  const args = text.search(/,? with args beginning with:/i);
  if (args !== -1) text = text.slice(0, args);
  if (/\bACL\b|\bSETUSER\b/.test(text)) text = text.replace(/'[^']*'/g, "'…'");
  return text;
}

/** Parses a redirect; null if the line is malformed, which makes it an ordinary error. */
function redirect(rest: string): { slotId: number; host: string; port: number } | null {
  const parts = rest.split(' ');
  const slotId = decimal(parts[0] ?? '');
  const address = parts[1] ?? '';
  const colon = address.lastIndexOf(':');
  const port = decimal(address.slice(colon + 1));
  if (parts.length < 2 || colon === -1 || !(slotId <= 16383) || !(port > 0 && port <= 65535)) return null;
  let host = address.slice(0, colon);
  if (host.startsWith('[') && host.endsWith(']')) host = host.slice(1, -1);
  if (/[\s@/\\\x00-\x1f\x7f]/.test(host)) return null;
  return { slotId, host: host === '?' ? '' : host, port };
}

/** Parses one to five digits; anything else gives NaN. */
function decimal(text: string): number {
  if (text.length === 0 || text.length > 5) return Number.NaN;
  let value = 0;
  for (let at = 0; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (!(digit >= 0 && digit <= 9)) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

/** Whether the server is a replica now instead of a primary. The command was not executed. */
export function isDemotion(error: unknown): boolean {
  if (error instanceof errors.ReadOnlyError) return true;
  // The server was demoted during a blocking command; CLIENT UNBLOCK gives another text.
  return error instanceof errors.UnblockedError && error.message.includes('instance state changed');
}

/** Some of the keys are on their way to another node: the server said so before it ran anything, also of a script. */
export function isRehashing(error: Error): boolean {
  return error instanceof errors.TryAgainError && error.message === REHASHING;
}

/** Whether the server refuses only for the moment, for example while a script runs or a primary is missing. */
export function isPassing(error: unknown): boolean {
  return (
    error instanceof errors.BusyLoadingError || (error instanceof ResponseError && PASSING.has(error.code))
  );
}

/** Whether every node refused the user, the database or the question, so that asking again does not help. */
export function refusedByAll(error: unknown): boolean {
  if (!(error instanceof errors.RedisClusterError || error instanceof errors.SentinelError)) return false;
  const { cause } = error;
  if (!(cause instanceof AggregateError)) return isRefusal(cause);
  return cause.errors.every((one: Error) => isRefusal(one.cause) || refusedByAll(one));
}

function isRefusal(error: unknown): boolean {
  if (error instanceof errors.RedisClusterError && error.code === 'RESPOOL_ADDRESS_REFUSED') return true;
  return (error instanceof ResponseError && !isPassing(error)) || isDistrusted(error);
}

/** Codes by which Node and TLS name a certificate that was refused. */
const CERTIFICATE = /CERT|^(?:UNABLE_TO_|CRL_|INVALID_CA$|INVALID_PURPOSE$|HOSTNAME_MISMATCH$)/;

/** A certificate was refused, by this side or by the server: the next dial would meet the same one. */
export function isDistrusted(error: unknown): boolean {
  if (!(error instanceof errors.ConnectionError)) return false;
  const { code } = (error.cause ?? {}) as { code?: unknown };
  return typeof code === 'string' && CERTIFICATE.test(code);
}

/** Whether the server reached `maxclients`: the only `ConnectionError` with the code `ERR`. */
export function isServerFull(error: unknown): boolean {
  return error instanceof errors.ConnectionError && error.code === 'ERR';
}

/**
 * Makes the error for an error line (without `-` or `!`): `message` is the line, `code` its first word. It has no
 * stack frames.
 */
export function replyError(line: string): RedisError {
  const fixed = fixedLines.get(line);
  return fixed === undefined ? otherError(line) : withoutFrames(fixed.type, line, fixed.options);
}

/** The cause inside an EXECABORT (`… because of: READONLY …`); any other error itself. */
export function refusalBeneath(error: RedisError): RedisError {
  if (!(error instanceof errors.ExecAbortError)) return error;
  const line = /because of: (.+)$/.exec(error.message)?.[1];
  if (line === undefined) return error;
  const beneath = replyError(line);
  errors.locateError(beneath, error.endpoint ?? '', error.command ?? 'EXEC');
  return beneath;
}

function otherError(line: string): RedisError {
  const space = line.indexOf(' ');
  const prefix = space === -1 ? line : line.slice(0, space);
  const message = withoutArguments(line);
  if (prefix === 'MOVED' || prefix === 'ASK') {
    const target = redirect(line.slice(prefix.length + 1));
    if (target === null) return withoutFrames(ResponseError, message, { code: prefix });
    const type = prefix === 'MOVED' ? errors.MovedError : errors.AskError;
    return withoutFrames(type, line, { ...target, code: prefix });
  }
  if (prefix === 'ERR') {
    if (line.startsWith('ERR max number of clients reached'))
      return withoutFrames(errors.ConnectionError, message, { code: 'ERR' });
    if (UNKNOWN.test(line)) {
      const command = QUOTED.exec(line)?.[1];
      return withoutFrames(errors.UnknownCommandError, message, { code: 'ERR', command });
    }
    return withoutFrames(ResponseError, message, { code: 'ERR' });
  }
  const type = BY_PREFIX.get(prefix);
  if (type !== undefined) return withoutFrames(type, message, { code: prefix });
  return withoutFrames(ResponseError, message, looksLikeCode(prefix) ? { code: prefix } : {});
}
