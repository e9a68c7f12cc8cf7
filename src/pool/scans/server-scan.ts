import type { ConnectionCore } from '../../connection/connection-core.ts';
import { call } from '../../connection/requests/call.ts';
import { ConnectionError, PoolClosedError, RedisError, ResponseError } from '../../errors/errors.ts';
import type { ConnectionNode } from '../../node/connection-node.ts';
import type { RedisValue, Reply } from '../../resp/types.ts';
import { LATIN1 } from '../../resp/text-modes.ts';
import { traces } from '../../telemetry/traces.ts';
import type { Topology } from '../../topology/topology.ts';
import type { CallFactory } from '../calls/call-factory.ts';
import type { RetryLoop } from '../calls/retry-loop.ts';
import type { PoolTraces } from '../pool-traces.ts';

/** The reply to one step of a scan: the next cursor and a page of elements. */
interface Step {
  readonly cursor: string;
  readonly page: Reply[];
  /** The connection that sent the reply. */
  readonly core: ConnectionCore;
  readonly node: ConnectionNode | null;
}

/** The parts of the pool that a scan uses. */
interface ScanParts {
  readonly loop: RetryLoop;
  readonly topology: Topology;
  readonly factory: CallFactory;
  readonly traces: PoolTraces;
}

/** A `SCAN`, `HSCAN`, `SSCAN` or `ZSCAN` without its cursor. */
export interface ScanCommand {
  readonly command: string;
  /** The arguments before the cursor: the key, except for `SCAN`. */
  readonly before: readonly RedisValue[];
  /** The arguments after the cursor. */
  readonly behind: readonly RedisValue[];
  readonly signal: AbortSignal | null;
}

/** After a successful step the server may be away for so long, in ms, before the scan fails. */
const PATIENCE = 15_000;
const PAUSE = 50;
const IDENTITY_TIMEOUT = 5_000;

const identities = new WeakMap<ConnectionCore, Promise<string>>();
let unknown = 0;

/** Identifies the server process of a connection (`run_id`), because a cursor is valid only in its own process. */
function identityOf(core: ConnectionCore): Promise<string> {
  let identity = identities.get(core);
  if (identity === undefined) {
    // Without permission for INFO each connection counts as a process, so a new connection begins again.
    const otherwise = `connection ${++unknown}`;
    identity = call(core, 'INFO', ['server'], { mode: LATIN1, timeout: IDENTITY_TIMEOUT }).then(
      (info) => /run_id:(\w+)/.exec(String(info))?.[1] ?? otherwise,
      (error: unknown) => {
        if (error instanceof ResponseError) return otherwise;
        throw error;
      },
    );
    identity.catch(() => identities.delete(core));
    identities.set(core, identity);
  }
  return identity;
}

/**
 * Runs the steps of a scan at one server. A cursor is valid only in the process that returned it: after a failover, a
 * restart or a move of the key the scan begins again, so that nothing is missed and some elements come twice.
 */
export class ServerScan {
  readonly #parts: ScanParts;
  readonly #command: ScanCommand;

  constructor(parts: ScanParts, command: ScanCommand) {
    this.#parts = parts;
    this.#command = command;
  }

  /** Yields pages from `node`, whose loss ends the scan; null for the server that the pool finds. */
  async *pages(node: ConnectionNode | null): AsyncGenerator<Reply[], void, undefined> {
    let cursor = '0';
    let identity: string | null = null;
    let core: ConnectionCore | null = null;
    // All steps go to the node of the first one; otherwise the next replica in turn would get its cursor.
    let at = node;
    let since: number | null = null;
    for (;;) {
      let step: Step;
      try {
        step = await this.#step(cursor, at);
        if (step.core !== core) {
          const now = await identityOf(step.core);
          core = step.core;
          at = step.node;
          const changed = identity !== null && identity !== now;
          identity = now;
          if (changed && cursor !== '0') {
            cursor = '0';
            continue;
          }
        }
        since = performance.now();
      } catch (error) {
        const lost = node === null && since !== null && performance.now() - since < PATIENCE;
        if (!lost || !passes(error)) throw error;
        at = null;
        await this.#pause();
        continue;
      }
      if (step.page.length > 0) yield step.page;
      ({ cursor } = step);
      if (cursor === '0') return;
    }
  }

  async #step(cursor: string, node: ConnectionNode | null): Promise<Step> {
    const { command, before, behind, signal } = this.#command;
    signal?.throwIfAborted();
    const args = [...before, cursor, ...behind];
    const { loop, topology, factory, traces: poolTraces } = this.#parts;
    const made = factory.make(command, args, { idempotent: true }, node !== null);
    made.pinned = node;
    factory.limit(made, args, undefined);
    made.callSignal = signal;
    made.signal = signal;
    if (node === null) topology.route(made, args);
    if (traces.command.active) poolTraces.follow(made, args, null);
    loop.start(made);
    const reply = await (made.promise as Promise<Reply>);
    if (!Array.isArray(reply) || reply.length !== 2 || !Array.isArray(reply[1]))
      throw new RedisError(`${command} did not return a cursor and a list`, { command });
    return {
      cursor: String(reply[0]),
      page: reply[1],
      core: made.host as ConnectionCore,
      node: made.node,
    };
  }

  #pause(): Promise<void> {
    const { signal } = this.#command;
    return new Promise((resolve) => {
      const over = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', over);
        resolve();
      };
      const timer = setTimeout(over, PAUSE);
      signal?.addEventListener('abort', over, { once: true });
    });
  }
}

/** Whether an error is temporary, or another node may help. */
export function passes(error: unknown): boolean {
  if (error instanceof PoolClosedError) return false;
  return error instanceof ConnectionError || (error instanceof RedisError && MENDS.has(error.code));
}
const MENDS: ReadonlySet<string> = new Set([
  'MOVED',
  'ASK',
  'TRYAGAIN',
  'CLUSTERDOWN',
  'LOADING',
  'MASTERDOWN',
  'RESPOOL_CLUSTER',
]);
