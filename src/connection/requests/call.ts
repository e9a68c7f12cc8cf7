import type { CommandInfo } from '../../commands/command-info.ts';
import { resolveCommand } from '../../commands/command-info.ts';
import { ProtocolError, type RedisError } from '../../errors/errors.ts';
import { encodeCommand, wireLength } from '../../resp/encoder.ts';
import type { RedisValue, Reply } from '../../resp/types.ts';
import { type DecodeMode, UTF8 } from '../../resp/text-modes.ts';
import type { ConnectionCore } from '../connection-core.ts';
import { Entry } from './entry.ts';
import { effectFor } from '../session/session-effect.ts';

/** The entry of a command that the package sends for its own purposes. */
class Call extends Entry {
  readonly promise: Promise<Reply>;
  /** False: an error reply resolves as a value. */
  raise = true;
  #resolve!: (value: Reply) => void;
  #reject!: (error: unknown) => void;

  constructor(info: CommandInfo, args: readonly RedisValue[], mode: DecodeMode) {
    const wire = encodeCommand(info, args, UTF8);
    super(info, wire, wireLength(wire), mode);
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Nobody may be waiting when the connection ends; an unhandled rejection would end the process.
    this.promise.catch(() => {});
  }
  succeed(value: Reply): void {
    this.#resolve(value);
  }
  refuse(error: Error): void {
    if (this.raise) this.#reject(error);
    else this.#resolve(error as RedisError);
  }
  fail(error: unknown): void {
    this.#reject(error);
  }
}

export interface CallOptions {
  mode?: DecodeMode;
  timeout?: number | null;
  signal?: AbortSignal | null;
  /** Whether the session records the effect of the command; default true. HELLO and AUTH of the handshake do not. */
  ledger?: boolean;
  /** False: an error reply resolves as a value. Without a reply the promise always rejects. */
  raise?: boolean;
}

/** Queues a command for the package's own purposes, in any state of the connection except `closed`. */
export function call(
  core: ConnectionCore,
  command: string,
  args: readonly RedisValue[] = [],
  { mode = UTF8, timeout = null, signal = null, ledger = true, raise = true }: CallOptions = {},
): Promise<Reply> {
  const entry = new Call(resolveCommand(command, args), args, mode);
  entry.raise = raise;
  if (signal?.aborted === true) return refused(signal.reason);
  if (core.state === 'closed') return refused(core.failure);
  if (ledger) entry.effect = effectFor(entry.info, args);
  if (timeout !== null) entry.limit = timeout;
  entry.signal = signal;
  core.submit(entry);
  return entry.promise;
}

/** A handled rejection: a caller of several calls may stop waiting at the first failure. */
function refused(reason: unknown): Promise<never> {
  const rejected = Promise.reject(reason as Error);
  rejected.catch(() => {});
  return rejected;
}

/** Sends `CLIENT REPLY ON`. */
export function unsilence(core: ConnectionCore): void {
  const args = ['ON'];
  core.replyMode('ON', new Call(resolveCommand('CLIENT REPLY', args), args, UTF8));
}

/** Sends `CLIENT REPLY OFF`: the server answers nothing from here on. */
export function silence(core: ConnectionCore): void {
  const args = ['OFF'];
  core.replyMode('OFF', new Call(resolveCommand('CLIENT REPLY', args), args, UTF8));
}

let nonces = 0;
const RUN = Math.floor(Math.random() * 36 ** 5).toString(36);
/** Connections whose server has echoed a nonce; on these only the nonce is a valid reply to PING. */
const echoing = new WeakSet<ConnectionCore>();

/** Whether a PING sent now would get its own reply. */
export function mayPing(core: ConnectionCore): boolean {
  const { session } = core;
  return (
    core.state === 'ready' &&
    !core.muted &&
    !session.skipping &&
    !session.inTransaction &&
    !session.monitoring
  );
}

/**
 * Sends `PING <nonce>` and resolves with the reply, an error reply included. Any other value than the nonce shows
 * that replies are shifted: the connection closes with a `ProtocolError` before a wrong reply reaches a caller.
 */
export async function ping(
  core: ConnectionCore,
  options: Pick<CallOptions, 'timeout' | 'signal'> = {},
): Promise<Reply> {
  const nonce = `${RUN}-${(nonces++).toString(36)}`;
  const answer = await call(core, 'PING', [nonce], { ...options, ledger: false, raise: false });
  // On a subscribed RESP2 connection the reply is an array.
  const text = Array.isArray(answer) ? answer.at(-1) : answer;
  if (text === nonce) echoing.add(core);
  // Some proxies answer PING themselves and ignore its argument.
  if (text === nonce || text instanceof Error || (text === 'PONG' && !echoing.has(core))) return text;
  core.close(core.error(ProtocolError, 'a reply was lost or sent twice: PING returned another value'));
  throw core.failure;
}
