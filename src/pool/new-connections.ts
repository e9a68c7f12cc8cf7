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

/** Whether servers are asked to announce that they move. */
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

/** Prepares the connections that a pool makes: connect callbacks, and a name that was given later. */
export class NewConnections {
  readonly #callbacks: readonly ConnectCallback[];
  readonly #asks: boolean;
  /** Undefined: that of the option `clientName`. */
  #name: string | undefined = undefined;

  constructor(callbacks: readonly ConnectCallback[], asksForNotifications: boolean) {
    this.#callbacks = callbacks;
    this.#asks = asksForNotifications;
  }

  /** `moveTo` learns where its server moves to; null: the pool finds its servers by itself. */
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

  /** For connections of now and later; one that is leased or blocked is replaced after that. */
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
    // A connection that ends meanwhile is followed by one with the new name.
    for (const result of await Promise.allSettled(renamed))
      if (result.status === 'rejected' && isRefusal(result.reason)) throw result.reason;
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof ResponseError;
}
