import { Command } from './command.ts';
import type { Waiting } from './offline-queue.ts';
import { Pipeline } from './pipeline.ts';
import type { Session } from './session.ts';

const noop = (): void => {};

/** Sends over a new connection what waited for it, each in the database that was chosen when it was asked for. */
export class Replay {
  readonly #session: Session;
  #present: number;

  /** `present`: the database that the connection has chosen itself. */
  constructor(session: Session, present: number) {
    this.#session = session;
    this.#present = present;
  }

  select(db: number): void {
    if (db === this.#present) return;
    this.#present = db;
    this.#session.send(new Command('select', [db], { replyEncoding: 'utf8' })).catch(noop);
  }

  /** Sends one item; its promise was handed out long ago. */
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
