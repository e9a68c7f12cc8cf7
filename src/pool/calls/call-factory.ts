import { blockingTime } from '../../commands/blocking.ts';
import { type CommandInfo, resolveCommand } from '../../commands/command-info.ts';
import {
  BLOCKING,
  CLIENT_REPLY,
  MAY_BLOCK,
  MONITOR,
  NEEDS_EXECUTE_ON,
  STATEFUL,
  SUBSCRIBE_FAMILY,
  UNKNOWN,
} from '../../commands/flags.ts';
import { refusal } from '../../commands/refusals.ts';
import type { NormalizedConnectionOptions } from '../../connection/connection-options.ts';
import { demandArray } from '../../connection/requests/request-options.ts';
import {
  BYTES,
  type DecodeMode,
  replyMode,
  type TextEncoding,
  type TextMode,
  textMode,
} from '../../resp/text-modes.ts';
import type { RedisValue } from '../../resp/types.ts';
import type { Topology } from '../../topology/topology.ts';
import { makeScriptCall } from '../scripts/script-call.ts';
import type { Script } from '../scripts/script.ts';
import type { PoolRequestOptions } from './call-options.ts';
import { blockTimes } from './blocking-attempt.ts';
import { makeRequest, type PoolCall } from './pool-call.ts';
import type { RetryLoop } from './retry-loop.ts';

const OF_ITS_CONNECTION = STATEFUL | SUBSCRIBE_FAMILY | CLIENT_REPLY | MONITOR;
/** Commands that need the careful path. */
export const UNUSUAL = OF_ITS_CONNECTION | BLOCKING | MAY_BLOCK | NEEDS_EXECUTE_ON | UNKNOWN;

/** Settings shared by all calls of a pool. */
export interface CallDefaults {
  readonly textMode: TextMode;
  readonly ownMode: DecodeMode;
  /** Invalid text is returned as bytes, unless the call has `decode: true`. */
  readonly lenient: boolean;
  readonly streamTimeout: number | null;
}

/** The call defaults of a pool with these options. */
export function callDefaults(settings: NormalizedConnectionOptions): CallDefaults {
  const text = textMode(settings.encoding);
  return {
    textMode: text,
    ownMode: replyMode(text, settings.decodeResponses),
    lenient: settings.decodeResponses === 'lenient',
    streamTimeout: settings.streamTimeout,
  };
}

/** How to decode the strings of a reply. */
interface Decoding {
  readonly decode?: boolean | undefined;
  readonly encoding?: TextEncoding | undefined;
}

/** Checks and encodes commands, and makes calls of them with their options and limits. */
export class CallFactory {
  readonly defaults: CallDefaults;
  readonly #loop: RetryLoop;
  readonly #topology: Topology;

  constructor(loop: RetryLoop, topology: Topology, defaults: CallDefaults) {
    this.#loop = loop;
    this.#topology = topology;
    this.defaults = defaults;
  }

  infoOf(command: string | Uint8Array, args: readonly RedisValue[]): CommandInfo {
    return resolveCommand(command, args, this.defaults.textMode);
  }

  /** Throws for a command that a pool's call may not use. `chosen`: the caller has named the node. */
  check(command: string | Uint8Array, args: readonly RedisValue[], chosen: boolean): CommandInfo {
    demandArray(args);
    const info = this.infoOf(command, args);
    if ((info.flags & OF_ITS_CONNECTION) !== 0) throw new TypeError(refusal(info));
    const refused = chosen ? null : this.#topology.refuse(info);
    if (refused !== null) throw refused;
    return info;
  }

  make(
    command: string | Uint8Array,
    args: readonly RedisValue[],
    options: PoolRequestOptions,
    chosen = false,
    script: Script | undefined = undefined,
  ): PoolCall {
    const info = this.check(command, args, chosen);
    const mode = this.modeOf(options);
    const { textMode: text } = this.defaults;
    const call =
      script === undefined
        ? makeRequest(this.#loop, info, args, text, mode)
        : makeScriptCall(script, this.#loop, info, args, text, mode);
    call.startedAt = performance.now();
    call.raise = options.raiseExceptions ?? true;
    if (this.isStrict(options)) call.strict = true;
    call.noreply = options.noreply ?? false;
    call.dropOnCancel = options.disconnectOnCancellation ?? false;
    if (options.idempotent !== undefined) call.idempotent = options.idempotent;
    if (options.readFrom !== undefined) call.readFrom = options.readFrom;
    return call;
  }

  /** Sets the time limit: one given with the call covers all of it; otherwise each reply has `streamTimeout`. */
  limit(call: PoolCall, args: readonly RedisValue[], timeout: number | null | undefined): void {
    const time = (call.info.flags & (BLOCKING | MAY_BLOCK)) === 0 ? null : blockingTime(call.info, args);
    call.blocks = time !== null;
    if (time !== null) blockTimes.set(call, time);
    if (timeout !== undefined) {
      call.endless = timeout === null;
      if (timeout === null) return;
      call.overall = true;
      call.limit = timeout;
      call.deadline = call.startedAt + timeout;
    } else if (this.defaults.streamTimeout !== null) {
      if (time === Number.POSITIVE_INFINITY) return;
      call.limit = this.defaults.streamTimeout + (time ?? 0);
    }
  }

  /** Whether a call with `decode: true` rejects invalid text although the pool is lenient. */
  isStrict({ decode }: Decoding): boolean {
    return decode === true && this.defaults.lenient;
  }

  modeOf(options: Decoding): DecodeMode {
    const { textMode: own, ownMode } = this.defaults;
    const mode = options.encoding === undefined ? own : textMode(options.encoding);
    return replyMode(mode, options.decode ?? ownMode > BYTES);
  }
}
