import { type BaseConnection, coreOf } from '../../connection/base-connection.ts';
import { call } from '../../connection/requests/call.ts';
import { ConnectionError } from '../../errors/errors.ts';
import { dialGovernor } from '../../node/dials.ts';
import { runConnection } from '../../node/dials.ts';
import { ServiceConnection } from '../../node/service-connection.ts';
import type { RedisValue, Reply } from '../../resp/types.ts';
import type { TCPLocation } from '../../transport/location.ts';
import type { AskOptions } from '../first-answer.ts';

export interface QuestionsOptions {
  /** An open connection with room, or null. */
  readonly open: (location: TCPLocation) => BaseConnection | null;
  /** Makes a connection, not yet run, for questions alone. */
  readonly make: (location: TCPLocation) => BaseConnection;
}

interface Temporary {
  readonly service: ServiceConnection;
  users: number;
}

/**
 * Asks nodes about the cluster: over an open connection of the pool, else over a temporary service connection that
 * closes after its last question.
 */
export class Questions {
  readonly #options: QuestionsOptions;
  readonly #temporary = new Map<AbortSignal, Temporary>();
  #closed = false;

  constructor(options: QuestionsOptions) {
    this.#options = options;
  }

  readonly ask = async (
    location: TCPLocation,
    command: string,
    args: readonly RedisValue[],
    { signal, timeout, dialling }: AskOptions,
  ): Promise<Reply> => {
    if (this.#closed) throw new ConnectionError('the pool is closed');
    const open = this.#options.open(location);
    if (open !== null) return await call(coreOf(open), command, args, { signal, timeout });
    const temporary = this.#temporary.get(signal) ?? this.#dial(location, signal);
    temporary.users++;
    const dialled = dialling?.();
    try {
      const connection = await temporary.service.ready(signal);
      dialled?.();
      return await call(coreOf(connection), command, args, { signal, timeout });
    } finally {
      temporary.users--;
      // Close a tick later: further questions to the same node, if any, follow at once.
      setImmediate(() => this.#dropUnused(signal, temporary));
    }
  };

  close(): void {
    this.#closed = true;
    for (const { service } of this.#temporary.values()) void service.close('the pool was closed');
    this.#temporary.clear();
  }

  #dial(location: TCPLocation, signal: AbortSignal): Temporary {
    const { make } = this.#options;
    const service = new ServiceConnection({
      address: location.toString(),
      governor: dialGovernor,
      deadPeerTimeout: null,
      atOnce: true,
      dial: (dialSignal) => runConnection(make(location), dialSignal),
      unref: () => false,
    });
    const temporary = { service, users: 0 };
    this.#temporary.set(signal, temporary);
    return temporary;
  }

  #dropUnused(signal: AbortSignal, { service, users }: Temporary): void {
    if (users > 0) return;
    this.#temporary.delete(signal);
    void service.close('all questions are answered');
  }
}
