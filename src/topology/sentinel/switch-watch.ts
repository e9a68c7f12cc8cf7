import { reportCallbackError } from '../../base/callback-errors.ts';
import type { BaseConnection } from '../../connection/base-connection.ts';
import type { TCPConnection } from '../../connection/tcp-connection.ts';
import { RedisError } from '../../errors/errors.ts';
import { dialGovernor } from '../../node/dials.ts';
import { runConnection } from '../../node/dials.ts';
import { ServiceConnection } from '../../node/service-connection.ts';
import type { Reply } from '../../resp/types.ts';
import type { TCPLocation } from '../../transport/location.ts';
import { textOf } from '../reply-fields.ts';
import { type PrimarySwitch, parsePrimarySwitch } from './replies.ts';

const CHANNEL = '+switch-master';
/** Silence, in ms, after which a sentinel is dialled again; a PING is sent before that. */
const SILENCE = 5_000;

export interface SwitchListener {
  /** Listening began, or began again: earlier announcements may have been missed. */
  listening(sentinel: TCPLocation): void;
  switched(news: PrimarySwitch, sentinel: TCPLocation): void;
}

/** Listens to one sentinel's announcements over a service connection, which is dialled again after a loss. */
export class SwitchWatch {
  readonly #location: TCPLocation;
  readonly #listener: SwitchListener;
  readonly #service: ServiceConnection;
  #live = false;
  /** True once the current connection has received a push. */
  #useful = false;
  #stopped = false;

  constructor(location: TCPLocation, make: () => TCPConnection, listener: SwitchListener) {
    this.#location = location;
    this.#listener = listener;
    this.#service = new ServiceConnection({
      address: location.toString(),
      governor: dialGovernor,
      deadPeerTimeout: SILENCE,
      dial: (signal) => runConnection(make(), signal),
      wanted: () => !this.#stopped,
      up: (connection) => void this.#listen(connection),
      useful: () => this.#useful,
      unref: () => true,
    });
    this.#service.start();
  }

  /** True while this sentinel's announcements are received. */
  get live(): boolean {
    return this.#live;
  }

  /** Dials again with the current credentials. */
  renew(): void {
    this.#service.drop('the credentials have changed');
  }

  stop(): void {
    this.#stopped = true;
    void this.#service.close();
  }

  async #listen(connection: BaseConnection): Promise<void> {
    this.#useful = false;
    try {
      connection.sendCommand('SUBSCRIBE', [CHANNEL]);
      for await (const push of connection.pushMessages) {
        this.#useful = true;
        this.#heard(push);
      }
    } catch (error) {
      // A RedisError means that the connection ended; the service connection dials again.
      if (!(error instanceof RedisError)) this.#report(error);
    } finally {
      this.#live = false;
      connection.invalidate('listening ended');
    }
  }

  #heard([kind, , payload]: Reply[]): void {
    const word = textOf(kind);
    if (word === 'subscribe') {
      this.#live = true;
      this.#tell(() => this.#listener.listening(this.#location));
    }
    if (word !== 'message') return;
    let news: PrimarySwitch;
    try {
      news = parsePrimarySwitch(payload ?? null);
    } catch {
      // Ignore a malformed announcement; the regular questions go on.
      return;
    }
    this.#tell(() => this.#listener.switched(news, this.#location));
  }

  /** Calls a listener; its exception is reported and does not end the connection. */
  #tell(news: () => void): void {
    try {
      news();
    } catch (error) {
      this.#report(error);
    }
  }

  #report(error: unknown): void {
    reportCallbackError(this, `listening to the sentinel ${this.#location.toString()}`, error);
  }
}
