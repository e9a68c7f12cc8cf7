import { fullJitter } from '../../base/backoff.ts';
import { reportCallbackError } from '../../base/callback-errors.ts';
import { coreOf } from '../../connection/base-connection.ts';
import { ping } from '../../connection/requests/call.ts';
import type { TCPConnection } from '../../connection/tcp-connection.ts';
import { RedisError, TimeoutError } from '../../errors/errors.ts';
import type { Reply } from '../../resp/types.ts';
import type { TCPLocation } from '../../transport/location.ts';
import { textOf } from '../reply-fields.ts';
import type { Timing } from '../timing.ts';
import { type PrimarySwitch, parsePrimarySwitch } from './replies.ts';
import { setRef } from './sentinel-link.ts';

const CHANNEL = '+switch-master';
const PAUSE = { base: 100, cap: 2_000 };
/** A sentinel that does not answer a PING for that long is dialled again. */
const SILENCE = 5_000;

export interface SwitchListener {
  /** Listening begins (again): what was said before was not heard. */
  listening(sentinel: TCPLocation): void;
  switched(news: PrimarySwitch, sentinel: TCPLocation): void;
}

/** Listens to one sentinel's announcements over its own connection, which is made again after a loss. */
export class SwitchWatch {
  readonly #location: TCPLocation;
  readonly #make: () => TCPConnection;
  readonly #listener: SwitchListener;
  readonly #timing: Timing;
  #connection: TCPConnection | null = null;
  #live = false;
  #stopped = false;
  #endPause = (): void => {};

  constructor(location: TCPLocation, make: () => TCPConnection, listener: SwitchListener, timing: Timing) {
    this.#location = location;
    this.#make = make;
    this.#listener = listener;
    this.#timing = timing;
    void this.#run();
  }

  /** Announcements of this sentinel are being heard. */
  get live(): boolean {
    return this.#live;
  }

  /** Finds out whether the sentinel is still there. */
  check(): void {
    const connection = this.#connection;
    if (!this.#live || connection === null) return;
    ping(coreOf(connection), { timeout: SILENCE }).catch((error: unknown) => {
      if (error instanceof TimeoutError) connection.invalidate('the sentinel is silent');
    });
  }

  /** Dials again, with whatever credentials there are by now. */
  renew(): void {
    this.#connection?.invalidate('renewed');
  }

  stop(): void {
    this.#stopped = true;
    this.#connection?.invalidate('closed');
    this.#endPause();
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#stopped; failures++) {
      if (await this.#listen()) failures = 0;
      if (!this.#stopped)
        await this.#pause(fullJitter(failures, PAUSE.base, PAUSE.cap, () => this.#timing.random()));
    }
  }

  /** True when it has listened for a while. */
  async #listen(): Promise<boolean> {
    const connection = this.#make();
    this.#connection = connection;
    let heard = false;
    try {
      await connection.run();
      setRef(connection, false);
      connection.sendCommand('SUBSCRIBE', [CHANNEL]);
      for await (const push of connection.pushMessages) {
        heard = true;
        this.#heard(push);
      }
    } catch (error) {
      // Whatever ended the connection: the next attempt will show whether it lasts.
      if (!(error instanceof RedisError)) this.#report(error);
    } finally {
      this.#live = false;
      connection.invalidate('listening ended');
    }
    return heard;
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

  /** Runs a listener. Its exception must not end the connection, which is not at fault. */
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

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#timing.after(ms, resolve);
      this.#endPause = () => {
        cancel();
        resolve();
      };
    });
  }
}
