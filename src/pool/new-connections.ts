import type { BaseConnection } from '../connection/base-connection.ts';
import { coreOf } from '../connection/base-connection.ts';
import { baseConnectionRules } from '../connection/connection-options.ts';
import { ResponseError } from '../errors/errors.ts';
import { call } from '../connection/requests/call.ts';
import type { OptionRule } from '../connection/option-rules.ts';
import type { ConnectionNode } from '../node/connection-node.ts';
import { heedMaintenance } from '../node/maintenance.ts';
import type { TCPLocation } from '../transport/location.ts';

/** Runs on each new connection of a pool after the handshake, before the connection is used. */
export type ConnectCallback<C extends BaseConnection = BaseConnection> = (
  connection: C,
) => void | Promise<void>;

/** Whether servers are asked to announce maintenance (`CLIENT MAINT_NOTIFICATIONS`). */
export const maintNotifications: OptionRule<'auto' | false> = {
  fallback: 'auto',
  check(name, value) {
    if (value === 'auto' || value === false) return value;
    throw new TypeError(`${name} must be 'auto' or false`);
  },
  text: (_name, given) => (given === 'false' ? false : given),
};

export const onConnect: OptionRule<readonly ConnectCallback[]> = {
  fallback: [],
  check(name, value) {
    const callbacks: unknown[] = Array.isArray(value) ? value : [value];
    if (!callbacks.every((callback) => typeof callback === 'function'))
      throw new TypeError(`${name} must be a function or an array of functions`);
    return Object.freeze([...callbacks]) as readonly ConnectCallback[];
  },
};

/** Prepares a pool's new connections: registers connect callbacks, and sets a name given by `setClientName`. */
export class NewConnections {
  readonly #callbacks: readonly ConnectCallback[];
  readonly #asks: boolean;
  /** The name given by `setClientName`; undefined to keep the option `clientName`. */
  #name: string | undefined = undefined;

  constructor(callbacks: readonly ConnectCallback[], asksForNotifications: boolean) {
    this.#callbacks = callbacks;
    this.#asks = asksForNotifications;
  }

  /** `moveTo` is called with the new address of a server that moves; null if the pool finds its servers itself. */
  prepare<C extends BaseConnection>(
    connection: C,
    moveTo: ((location: TCPLocation) => void) | null = null,
  ): C {
    heedMaintenance(connection, { asks: this.#asks, moveTo });
    connection.registerConnectCallback(async () => {
      if (this.#name !== undefined) await connection.execute('CLIENT SETNAME', this.#name);
    });
    for (const callback of this.#callbacks) connection.registerConnectCallback(() => callback(connection));
    return connection;
  }

  /** Renames present and future connections. Leased or blocked ones are replaced after their use instead. */
  async rename(name: string | null, nodes: Iterable<ConnectionNode>, timeout: number | null): Promise<void> {
    const checked = baseConnectionRules.clientName.check('name', name) ?? '';
    this.#name = checked;
    const renamed: Promise<void>[] = [];
    for (const node of nodes) {
      for (const connection of node.connections) {
        const core = coreOf(connection);
        if (core.leaseId !== 0) node.retire(connection);
        else
          renamed.push(
            call(core, 'CLIENT SETNAME', [checked], { ledger: false, timeout }).then(() =>
              core.session.renamed(checked),
            ),
          );
      }
    }
    // If a connection ends meanwhile, its successor gets the new name.
    for (const result of await Promise.allSettled(renamed))
      if (result.status === 'rejected' && isRefusal(result.reason)) throw result.reason;
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof ResponseError;
}
