import { checkDuration, checkSignal } from '../../base/deadline.ts';
import { demandKnown } from '../../base/known-options.ts';
import { checkCommandRequest, type CommandRequest } from '../../connection/requests/request-options.ts';
import { ClusterCrossSlotError, type PoolClosedError, type RedisError } from '../../errors/errors.ts';
import { encodeCommand, wireLength } from '../../resp/encoder.ts';
import { kept } from '../../resp/decoding/native-slices.ts';
import type { RedisValue, Reply } from '../../resp/types.ts';
import { BYTES, type DecodeMode } from '../../resp/text-modes.ts';
import type { RoutedCall, Topology } from '../../topology/topology.ts';
import type { PoolCache } from '../cache/pool-cache.ts';
import type { CallFactory } from '../calls/call-factory.ts';
import { type CallOwner, RequestPromise } from '../calls/pool-call.ts';
import type { RetryLoop } from '../calls/retry-loop.ts';
import { loadsOf } from '../scripts/script-call.ts';
import { scriptOf } from '../scripts/script.ts';
import type { Leases } from '../leases.ts';
import type { PoolTraces } from '../pool-traces.ts';
import { TransactionCall, type TransactionOptions, type TransactionPart } from './transaction-call.ts';
import { WatchCall, type WatchFunction } from './watch-call.ts';

/** Options of `watch`; `timeout` covers every attempt. */
export interface WatchCallOptions extends TransactionOptions {
  /** The number of attempts if other clients change the watched keys; default 10. */
  attempts?: number | undefined;
}

const KNOWN: ReadonlySet<string> = new Set(['signal', 'timeout', 'throwErrors']);
const OF_WATCH: ReadonlySet<string> = new Set([...KNOWN, 'attempts']);

/** Transactions on the shared connection: `MULTI`, commands and `EXEC` in one piece. */
export class Transactions {
  readonly #loop: RetryLoop;
  readonly #topology: Topology;
  readonly #factory: CallFactory;
  /** Whether the servers send no replies. */
  readonly #muted: boolean;
  cache: PoolCache | null = null;
  #closed: PoolClosedError | null = null;

  constructor(loop: RetryLoop, topology: Topology, factory: CallFactory, muted: boolean) {
    this.#loop = loop;
    this.#muted = muted;
    this.#topology = topology;
    this.#factory = factory;
  }

  close(error: PoolClosedError): void {
    this.#closed = error;
  }

  /** Runs a transaction; calls `watch`, if given, with the call that is made. */
  run(
    commands: readonly CommandRequest[],
    options: TransactionOptions,
    watch: ((calls: readonly TransactionCall[]) => void) | null,
  ): Promise<(Reply | RedisError)[]> {
    try {
      if (this.#closed !== null) throw this.#closed;
      demandKnown(options, KNOWN, 'a transaction');
      const timeout = checkDuration('timeout', options.timeout);
      const signal = checkSignal('signal', options.signal);
      const parts = this.partsOf(commands);
      if (parts.length === 0) return Promise.resolve([]);
      const call = this.make(this.#loop, parts, options);
      watch?.([call]);
      this.#factory.limit(call, [], options.timeout === undefined ? undefined : timeout);
      call.callSignal = signal;
      call.signal = signal;
      if (signal?.aborted === true) throw signal.reason;
      const slot = this.slotOf(parts);
      this.attachWrites(call, parts);
      if (typeof slot === 'number') {
        call.slot = slot;
        this.#loop.start(call);
      } else {
        slot.then(
          (found) => {
            call.slot = found;
            this.#loop.start(call);
          },
          (error: unknown) => call.giveUp(error),
        );
      }
      return call.promise;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Repeats `WATCH`, the function and its transaction until no other client has changed the keys meanwhile. */
  watch(
    keys: readonly RedisValue[],
    fn: WatchFunction,
    options: WatchCallOptions,
    parts: { readonly leases: Leases; readonly traces: PoolTraces },
  ): Promise<(Reply | RedisError)[] | null> {
    try {
      if (this.#closed !== null) throw this.#closed;
      demandKnown(options, OF_WATCH, 'a watch');
      const { attempts = 10, throwErrors } = options;
      const timeout = checkDuration('timeout', options.timeout);
      const signal = checkSignal('signal', options.signal);
      if (!Number.isSafeInteger(attempts) || attempts < 1)
        throw new TypeError('attempts must be an integer of at least 1');
      if (!Array.isArray(keys) || keys.length === 0) throw new TypeError('watch needs an array of keys');
      if (typeof fn !== 'function') throw new TypeError('watch needs a function that returns the commands');
      if (this.#muted) throw new TypeError('watch needs replies, but the pool has noreply: true');
      const own = (keys as readonly RedisValue[]).map(kept);
      const setup = { ...parts, loop: this.#loop, transactions: this, keys: own, fn, attempts };
      const call = new WatchCall({ ...setup, options: { throwErrors } });
      // Throws for a key that cannot be sent.
      encodeCommand(call.info, own, this.#factory.defaults.textMode);
      this.#factory.limit(call, [], options.timeout === undefined ? undefined : timeout);
      call.callSignal = signal;
      if (signal?.aborted === true) throw signal.reason;
      this.#topology.route(call, own);
      this.#loop.start(call);
      return call.promise;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Invalidates the cached keys that the parts write. */
  attachWrites(call: TransactionCall, parts: readonly TransactionPart[]): void {
    this.cache?.attachWrites(call, parts);
  }

  /** Checks and encodes the commands; throws `TypeError` for bad input before anything is sent. */
  partsOf(commands: readonly CommandRequest[]): readonly TransactionPart[] {
    if (!Array.isArray(commands)) throw new TypeError('the commands of a transaction must be an array');
    const { textMode } = this.#factory.defaults;
    return (commands as readonly CommandRequest[]).map((entry) => {
      checkCommandRequest(entry);
      const { command, args = [] } = entry;
      const info = this.#factory.check(command, args, false);
      const wire = encodeCommand(info, args, textMode);
      return {
        info,
        args,
        wire,
        size: wireLength(wire),
        mode: this.#factory.modeOf(entry),
        strict: this.#factory.isStrict(entry),
        script: scriptOf(entry),
      };
    });
  }

  /** Makes the call that runs the parts; `owner` handles its failures. */
  make(owner: CallOwner, parts: readonly TransactionPart[], options: TransactionOptions): TransactionCall {
    const { throwErrors = false } = options;
    if (typeof throwErrors !== 'boolean') throw new TypeError('throwErrors must be true or false');
    const call = new TransactionCall(owner, parts, commonMode(parts), RequestPromise);
    RequestPromise.attach(call);
    call.throwErrors = throwErrors;
    call.startedAt = performance.now();
    call.prelude = loadsOf(parts.flatMap(({ script }) => script ?? []));
    return call;
  }

  /** The slot of all keys; throws if they have several. Returns a promise if a server must be asked for the keys. */
  slotOf(parts: readonly TransactionPart[]): number | Promise<number> {
    let slot = -1;
    const unknown: RoutedCall[] = [];
    for (const { info, args } of parts) {
      const probe = probeFor(info);
      this.#topology.route(probe, args);
      if (probe.slot >= 0) slot = common(slot, probe);
      else if (probe.slot < -1) unknown.push(probe);
    }
    return unknown.length === 0 ? slot : this.#askFor(unknown, slot);
  }

  async #askFor(unknown: readonly RoutedCall[], known: number): Promise<number> {
    let slot = known;
    for (const probe of unknown) {
      await this.#topology.resolve(probe, this.#loop.acquireDeadline());
      if (probe.slot >= 0) slot = common(slot, probe);
    }
    return slot;
  }
}

/** A stand-in for a command, to learn its slot from the topology. */
function probeFor(info: RoutedCall['info']): RoutedCall {
  return { info, slot: -1, node: null, asking: false, redirects: 0, bounded: true };
}

function common(slot: number, probe: RoutedCall): number {
  if (slot < 0 || slot === probe.slot) return probe.slot;
  throw new ClusterCrossSlotError(
    'the keys of a transaction live in several slots: give them a common {tag}',
    { code: 'CROSSSLOT', command: probe.info.name },
  );
}

/** The mode in which to read the reply to EXEC: bytes if the commands want different modes, decoded later. */
function commonMode(parts: readonly TransactionPart[]): DecodeMode {
  const first = parts[0]?.mode ?? BYTES;
  return parts.every(({ mode }) => mode === first) ? first : BYTES;
}
