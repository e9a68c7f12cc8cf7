import type { CommandInfo } from '../../commands/command-info.ts';
import { resolveCommand } from '../../commands/command-info.ts';
import { ProtocolError, type RedisError } from '../../errors/errors.ts';
import { encodeCommand, wireLength } from '../../resp/encoder.ts';
import type { RedisValue, Reply } from '../../resp/types.ts';
import { type DecodeMode, UTF8 } from '../../resp/text-modes.ts';
import type { ConnectionCore } from '../connection-core.ts';
import { Entry } from './entry.ts';
import { effectFor } from '../session/session-effect.ts';

/** An entry with an ordinary promise: what the package itself asks of a server. */
class Call extends Entry {
  readonly promise: Promise<Reply>;
  /** False: an error reply is the value. */
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
    // Its maker may have stopped waiting when the connection ends: that must not end the process.
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
  /** Whether the session ledger books it; the handshake's HELLO and AUTH change nothing. */
  ledger?: boolean;
  /** False: an error reply is the value; what ends without a reply rejects all the same. */
  raise?: boolean;
}

/** Queues a command of the package's own, whatever state the connection is in, unless it has ended. */
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

/** As of a `Call`: a caller that makes several at once may stop at the first that fails. */
function refused(reason: unknown): Promise<never> {
  const rejected = Promise.reject(reason as Error);
  rejected.catch(() => {});
  return rejected;
}

/** `CLIENT REPLY ON`, on a silenced connection. */
export function unsilence(core: ConnectionCore): void {
  const args = ['ON'];
  core.replyMode('ON', new Call(resolveCommand('CLIENT REPLY', args), args, UTF8));
}

/** `CLIENT REPLY OFF`: from here on the server answers nothing. */
export function silence(core: ConnectionCore): void {
  const args = ['OFF'];
  core.replyMode('OFF', new Call(resolveCommand('CLIENT REPLY', args), args, UTF8));
}

let nonces = 0;
const RUN = Math.floor(Math.random() * 36 ** 5).toString(36);
/** Connections whose server has given a nonce back: from then on nothing else is an answer to a PING. */
const echoing = new WeakSet<ConnectionCore>();

/** Whether a PING could be sent now: its answer would come, and alone. */
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
 * `PING <nonce>`. Resolves with any answer of the server, an error too. Another value than the nonce shows that replies
 * are shifted on this connection: it ends with a `ProtocolError`, and nothing of it reaches anybody any more.
 */
export async function ping(
  core: ConnectionCore,
  options: Pick<CallOptions, 'timeout' | 'signal'> = {},
): Promise<Reply> {
  const nonce = `${RUN}-${(nonces++).toString(36)}`;
  const answer = await call(core, 'PING', [nonce], { ...options, ledger: false, raise: false });
  // On a subscribed RESP2 connection it is an array.
  const text = Array.isArray(answer) ? answer.at(-1) : answer;
  if (text === nonce) echoing.add(core);
  // Some proxies answer by themselves and drop the argument.
  if (text === nonce || text instanceof Error || (text === 'PONG' && !echoing.has(core))) return text;
  core.close(core.error(ProtocolError, 'a reply was lost or sent twice: PING returned another value'));
  throw core.failure;
}
