import { Command } from './command.ts';
import type { Waiting } from './offline-queue.ts';
import { Pipeline } from './pipeline.ts';
import type { Session } from './session.ts';

const noop = (): void => {};

/** Sends the waiting commands over a new connection, each in the database selected at the time of its call. */
export class Replay {
  readonly #session: Session;
  #present: number;

  /** `present`: the database that the handshake has selected. */
  constructor(session: Session, present: number) {
    this.#session = session;
    this.#present = present;
  }

  select(db: number): void {
    if (db === this.#present) return;
    this.#present = db;
    this.#session.send(new Command('select', [db], { replyEncoding: 'utf8' })).catch(noop);
  }

  /** Sends one item and settles the promise that its caller already has. */
  send(item: Waiting): void {
    if (!(item instanceof Command) || item.name !== 'select') this.select(item.select);
    else this.#present = Number(item.args[0]);
    if (item instanceof Pipeline) {
      this.#session.sendPipeline(item);
      return;
    }
    this.#session.send(item).then(
      (value) => item.settle(value),
      (error: unknown) => item.reject(error),
    );
  }
}
