import * as errors from './errors.ts';
import { type RedisError, type RedisErrorOptions, ResponseError } from './errors.ts';

type Make = new (message: string, options: RedisErrorOptions) => RedisError;

/** First word of an error line → class. The text loses that word only where the class says the same. */
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
const UNKNOWN = /^(?:unknown (?:sub)?command|sub command not supported)/i;
const QUOTED = /^[^'"`]{0,64}['"`]([^'"`]{0,128})['"`]/;
const CODE = /^[A-Z][A-Z0-9_]{0,63}$/;

/** Cuts what repeats arguments: a message may never show a value. */
function withoutArguments(text: string): string {
  const args = text.search(/,? with args beginning with:/i);
  if (args !== -1) text = text.slice(0, args);
  if (/\bACL\b|\bSETUSER\b/.test(text)) text = text.replace(/'[^']*'/g, "'…'");
  return text;
}

/** The address of a redirect, or null when the line is malformed (it is then an ordinary error). */
function redirect(rest: string): { slotId: number; host: string; port: number } | null {
  const parts = rest.split(' ');
  const slot = parts[0] ?? '';
  const address = parts[1] ?? '';
  const colon = address.lastIndexOf(':');
  const port = address.slice(colon + 1);
  if (parts.length < 2 || colon === -1 || !/^\d{1,5}$/.test(slot) || !/^\d{1,5}$/.test(port)) return null;
  const slotId = Number(slot);
  const portNumber = Number(port);
  if (slotId > 16383 || portNumber === 0 || portNumber > 65535) return null;
  let host = address.slice(0, colon);
  if (host.startsWith('[') && host.endsWith(']')) host = host.slice(1, -1);
  if (/[\s@/\\\x00-\x1f\x7f]/.test(host)) return null;
  return { slotId, host: host === '?' ? '' : host, port: portNumber };
}

/** The server has no room for one more client: the one error of a connection that is an `ERR` of the server. */
export function isServerFull(error: unknown): boolean {
  return error instanceof errors.ConnectionError && error.code === 'ERR';
}

/** The error that an error line (without `-` or `!`) stands for. */
export function replyError(line: string): RedisError {
  const space = line.indexOf(' ');
  const prefix = space === -1 ? line : line.slice(0, space);
  const rest = space === -1 ? '' : line.slice(space + 1);
  if (prefix === 'MOVED' || prefix === 'ASK') {
    const target = redirect(rest);
    if (target !== null) {
      return new (prefix === 'MOVED' ? errors.MovedError : errors.AskError)(rest, {
        ...target,
        code: prefix,
      });
    }
    return new ResponseError(withoutArguments(line), { code: prefix });
  }
  if (prefix === 'ERR') {
    if (rest.startsWith('max number of clients reached'))
      return new errors.ConnectionError(rest, { code: 'ERR' });
    if (UNKNOWN.test(rest)) {
      const command = QUOTED.exec(rest)?.[1];
      return new errors.UnknownCommandError(withoutArguments(rest), { code: 'ERR', command });
    }
    return new ResponseError(withoutArguments(rest), { code: 'ERR' });
  }
  const type = BY_PREFIX.get(prefix);
  if (type !== undefined) return new type(withoutArguments(rest), { code: prefix });
  return new ResponseError(withoutArguments(line), CODE.test(prefix) ? { code: prefix } : {});
}
