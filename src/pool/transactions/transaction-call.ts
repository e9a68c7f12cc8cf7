import type { WaitOptions } from '../../base/deadline.ts';
import { type CommandInfo, resolveCommand } from '../../commands/command-info.ts';
import type { ConnectionCore } from '../../connection/connection-core.ts';
import { SETTLED } from '../../connection/requests/entry.ts';
import { redact } from '../../connection/redaction/redaction.ts';
import {
  ClusterDownError,
  ExecAbortError,
  NoScriptError,
  locateError,
  ProtocolError,
  RedisClusterError,
  RedisError,
  ResponseError,
} from '../../errors/errors.ts';
import { refusalBeneath } from '../../errors/reply-errors.ts';
import { encodeCommand, type Wire, wireLength } from '../../resp/encoder.ts';
import { notText } from '../../connection/requests/losses.ts';
import { holdsBytes } from '../../resp/decoding-error.ts';
import { valueIn } from '../../resp/recoding.ts';
import type { RedisValue, Reply } from '../../resp/types.ts';
import { BYTES, type DecodeMode } from '../../resp/text-modes.ts';
import { type CallOwner, PoolCall } from '../calls/pool-call.ts';
import type { Script } from '../scripts/script.ts';
import { forgetLoad } from '../scripts/script-call.ts';

const MULTI = resolveCommand('MULTI', []);
const EXEC = resolveCommand('EXEC', []);
const HEAD = encodeCommand(MULTI, [], 1) as string;
const END = encodeCommand(EXEC, [], 1) as string;

/** One command of a transaction. */
export interface TransactionPart {
  readonly info: CommandInfo;
  readonly args: readonly RedisValue[];
  readonly wire: Wire;
  readonly size: number;
  readonly mode: DecodeMode;
  /** Invalid text in its reply is an error, although the pool is lenient. */
  readonly strict: boolean;
  readonly script: Script | undefined;
}

/** The first error before EXEC. `at` is 0 for MULTI itself, otherwise the position of the command from 1. */
interface Refusal {
  readonly at: number;
  readonly error: RedisError;
}

/** Options of `transaction` and `watch`; `timeout` covers waiting, dialling, every attempt and its replies. */
export interface TransactionOptions extends WaitOptions {
  /**
   * True: the call rejects with the first error of a command. Default false: the error is that command's
   * entry.
   */
  throwErrors?: boolean | undefined;
}

/**
 * `MULTI`, commands and `EXEC` as one entry, written and withdrawn as a whole, so that no other command comes between
 * them.
 */
export class TransactionCall extends PoolCall {
  readonly #parts: readonly TransactionPart[];
  /** Number of replies so far. */
  #replies = 0;
  /** Number of error replies among them. */
  #refusals = 0;
  #refusal: Refusal | null = null;
  /** The error reply to EXEC. */
  #aborted: Error | null = null;
  throwErrors = false;

  constructor(
    owner: CallOwner,
    parts: readonly TransactionPart[],
    mode: DecodeMode,
    kind: typeof Promise<never>,
  ) {
    const wire = wireOf(parts);
    super(owner, EXEC, wire, wireLength(wire), mode, kind);
    this.#parts = parts;
    this.inParts = true;
  }

  override again(): void {
    super.again();
    this.#replies = 0;
    this.#refusals = 0;
    this.#refusal = null;
    this.#aborted = null;
  }

  override part(value: Reply, refused: boolean, endpoint: string): boolean {
    const at = this.#replies++;
    if (at > this.#parts.length) return false;
    if (!refused) return true;
    this.#refusals++;
    if (this.#refusal !== null || this.phase === SETTLED) return true;
    const sent = at === 0 ? { info: MULTI, wire: HEAD, size: HEAD.length } : this.#parts[at - 1]!;
    const error = value as RedisError;
    locateError(error, endpoint, sent.info.name);
    redact(error, sent);
    this.#refusal = { at, error };
    return true;
  }

  override mayHaveRun(error: Error): boolean {
    const refusal = this.#refusal;
    // If MULTI was refused, each command that was not refused has run on its own.
    if (refusal !== null) return refusal.at === 0 && this.#refusals <= this.#parts.length;
    if (this.#aborted instanceof ExecAbortError) return false;
    return !(error instanceof RedisClusterError || error instanceof ClusterDownError);
  }

  override refuse(error: Error): void {
    this.#aborted = error;
    const refusal = this.#refusal;
    if (refusal !== null) return super.refuse(refusal.error);
    super.refuse(error instanceof ExecAbortError ? refusalBeneath(error) : error);
  }

  override giveUp(error: unknown): void {
    super.giveUp(this.#explained(error));
  }

  override succeed(value: Reply): void {
    if (value === null) return this.answer(this.noreply ? this.#parts.map(() => null) : null);
    if (!Array.isArray(value) || value.length !== this.#parts.length) {
      const { info } = this;
      return this.giveUp(
        new ProtocolError('EXEC was not answered with one reply for each command', {
          command: info.name,
          maybeExecuted: true,
        }),
      );
    }
    let first: RedisError | null = null;
    for (const [index, part] of this.#parts.entries()) {
      const { info, mode, strict, script } = part;
      if (mode !== this.mode || strict) value[index] = this.#decoded(value[index]!, part);
      const entry = value[index]!;
      if (entry instanceof RedisError) {
        (entry as { command?: string }).command = info.name;
        if (script !== undefined && entry instanceof NoScriptError)
          forgetLoad(this.host as ConnectionCore, script);
        first ??= entry;
      }
    }
    if (first !== null && this.throwErrors) this.giveUp(first);
    else this.answer(value);
  }

  /** Decodes a command's reply; returns a `DecodingError` in its place if it is not valid text. */
  #decoded(value: Reply, { info, mode, strict }: TransactionPart): Reply {
    const core = this.host as ConnectionCore;
    const decoded = mode === this.mode ? value : valueIn(value, mode);
    if (mode <= BYTES || (core.settings.lenient && !strict) || !holdsBytes(decoded)) return decoded;
    return notText(core, info.name, decoded, mode);
  }

  /** The error for the caller, which names the refused command. */
  #explained(error: unknown): unknown {
    const refusal = this.#refusal;
    const aborted = this.#aborted;
    if (aborted === null || !(error instanceof RedisError)) return error;
    if (refusal === null) {
      // Keep a copy with `maybeExecuted`, because it says more.
      if (!(aborted instanceof ExecAbortError) || error.message !== refusalBeneath(aborted).message)
        return error;
      return new ExecAbortError(aborted.message, { ...placeOf(aborted), code: 'EXECABORT', cause: error });
    }
    if (error.message !== refusal.error.message) return error;
    const { at } = refusal;
    if (at === 0 && this.mayHaveRun(error)) {
      const text = 'MULTI was refused, so that the other commands ran one by one';
      return new ResponseError(`${text}: ${error.message}`, { ...placeOf(error), cause: error });
    }
    const name = at === 0 ? 'MULTI' : this.#parts[at - 1]!.info.name;
    const which = at === 0 ? name : `${name}, command ${at} of ${this.#parts.length},`;
    return new ExecAbortError(`Transaction discarded: ${which} was refused: ${error.message}`, {
      endpoint: error.endpoint,
      command: name,
      code: 'EXECABORT',
      cause: error,
    });
  }
}

function placeOf(error: RedisError): { endpoint: string | undefined; command: string | undefined } {
  return { endpoint: error.endpoint, command: error.command };
}

function wireOf(parts: readonly TransactionPart[]): Wire {
  const pieces: (string | Buffer)[] = [];
  let text = HEAD;
  for (const { wire } of parts) {
    for (const piece of typeof wire === 'string' ? [wire] : wire) {
      if (typeof piece === 'string') text += piece;
      else {
        pieces.push(text, piece);
        text = '';
      }
    }
  }
  text += END;
  if (pieces.length === 0) return text;
  pieces.push(text);
  return pieces;
}
