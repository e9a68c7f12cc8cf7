import { checkDuration, checkSignal, type WaitOptions } from '../../base/deadline.ts';
import { demandKnown, demandObject } from '../../base/known-options.ts';
import type { TextEncoding } from '../../resp/text-modes.ts';
import type { RedisValue } from '../../resp/types.ts';

/** Options of one request; `timeout` overrides `streamTimeout`, and the clock starts when the request is made. */
export interface RequestOptions extends WaitOptions {
  /** The server does not answer, and the request resolves to null once written (`CLIENT REPLY SKIP`). */
  noreply?: boolean | undefined;
  /** Strings instead of Buffers; default: the connection's `decodeResponses`. */
  decode?: boolean | undefined;
  /** Decoding of this reply; default: the connection's. */
  encoding?: TextEncoding | undefined;
  /**
   * False: the request resolves to the error of the server; time-outs, aborts and lost connections still
   * reject. Default true.
   */
  raiseExceptions?: boolean | undefined;
  /** A time-out or an abort also ends the connection; default false. */
  disconnectOnCancellation?: boolean | undefined;
}

/** Options of a batch: one limit and one signal for all of it. */
export interface BatchOptions extends WaitOptions {
  /** A time-out or an abort also ends the connection; default false. */
  disconnectOnCancellation?: boolean | undefined;
}

/** Options of a streamed reply; `timeout` limits the time until the reply begins. */
export interface StreamOptions extends WaitOptions {
  /** Strings instead of Buffers in items; default: the connection's `decodeResponses`. */
  decode?: boolean | undefined;
  /** Encoding of text in items; default: the connection's. */
  encoding?: TextEncoding | undefined;
}

/** One command of a batch. */
export interface CommandRequest {
  /** Its name, in any case; several words are several arguments. */
  command: string | Uint8Array;
  /** Default: none. */
  args?: readonly RedisValue[] | undefined;
  /** Strings instead of Buffers; default: the connection's `decodeResponses`. */
  decode?: boolean | undefined;
  /** Decoding of its reply; default: the connection's. */
  encoding?: TextEncoding | undefined;
}

/** The limit given with the call, otherwise the general one; null means none. */
export function limitOf(given: number | null | undefined, general: number | null): number | null {
  return given === undefined ? general : checkDuration('timeout', given);
}

export function signalOf(options: WaitOptions | undefined): AbortSignal | null {
  return options === undefined ? null : checkSignal('signal', options.signal);
}

/** Refuses strings, which would be sent character by character. */
export function demandArray(args: readonly RedisValue[]): void {
  if (!Array.isArray(args)) throw new TypeError('the arguments of a command must be an array');
}

const FLAGS: ReadonlySet<string> = new Set([
  'noreply',
  'decode',
  'raiseExceptions',
  'disconnectOnCancellation',
]);
const OF_A_WAIT: ReadonlySet<string> = new Set(['signal', 'timeout']);
const OF_A_REQUEST: ReadonlySet<string> = new Set([...OF_A_WAIT, ...FLAGS, 'encoding']);
const OF_A_COMMAND: ReadonlySet<string> = new Set(['command', 'args', 'decode', 'encoding']);
const OF_A_STREAM: ReadonlySet<string> = new Set([...OF_A_WAIT, 'decode', 'encoding']);
const OF_A_BATCH: ReadonlySet<string> = new Set([...OF_A_WAIT, 'disconnectOnCancellation']);

/** Throws `TypeError` for an unknown option of a request. */
export function checkRequestOptions(options: RequestOptions): void {
  check(options, OF_A_REQUEST);
}
/** Throws `TypeError` for an unknown key of a batch's command. */
export function checkCommandRequest(command: CommandRequest): void {
  demandObject(command, 'each command');
  demandKnown(command, OF_A_COMMAND);
  const { decode } = command;
  if (decode !== undefined && typeof decode !== 'boolean')
    throw new TypeError('decode must be true or false');
}
export function checkBatchOptions(options: BatchOptions | undefined): void {
  if (options !== undefined) check(options, OF_A_BATCH);
}
export function checkStreamOptions(options: StreamOptions | undefined): void {
  if (options !== undefined) check(options, OF_A_STREAM);
}
export function checkWaitOptions(options: WaitOptions | undefined): void {
  if (options !== undefined) check(options, OF_A_WAIT);
}

function check(options: object, known: ReadonlySet<string>): void {
  demandKnown(options, known);
  for (const name of FLAGS) {
    const value = Object.hasOwn(options, name) ? (options as Record<string, unknown>)[name] : undefined;
    if (value !== undefined && typeof value !== 'boolean')
      throw new TypeError(`${name} must be true or false`);
  }
}
