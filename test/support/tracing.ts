import { channel, tracingChannel } from 'node:diagnostics_channel';

type Phase = 'start' | 'end' | 'asyncStart' | 'asyncEnd' | 'error';

/** One message of a tracing channel, with its fields as they were then. */
export interface Seen<T> {
  readonly phase: Phase;
  readonly trace: T;
  readonly fields: T;
}

const PHASES: readonly Phase[] = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'];

/** Collects everything that a tracing channel publishes until it is disposed. */
export class Recorder<T extends object> implements Disposable {
  readonly seen: Seen<T>[] = [];
  readonly #undo: () => void;

  constructor(name: string, listener?: (phase: Phase, trace: T) => void) {
    const target = tracingChannel<unknown, T>(`respool:${name}`);
    const handlers = PHASES.map((phase) => {
      const handler = (message: unknown): void => {
        const trace = message as T;
        this.seen.push({ phase, trace, fields: { ...trace } });
        listener?.(phase, trace);
      };
      target[phase].subscribe(handler);
      return () => target[phase].unsubscribe(handler);
    });
    this.#undo = () => handlers.forEach((undo) => undo());
  }

  phases(trace: T): Phase[] {
    return this.seen.filter((one) => one.trace === trace).map(({ phase }) => phase);
  }
  get started(): T[] {
    return this.seen.filter(({ phase }) => phase === 'start').map(({ trace }) => trace);
  }
  [Symbol.dispose](): void {
    this.#undo();
  }
}

/** Collects the events of a point channel until it is disposed. */
export class Events<E> implements Disposable {
  readonly all: E[] = [];
  readonly #handler = (event: unknown): void => void this.all.push(event as E);
  readonly #name: string;

  constructor(name: string) {
    this.#name = `respool:${name}`;
    channel(this.#name).subscribe(this.#handler);
  }
  [Symbol.dispose](): void {
    channel(this.#name).unsubscribe(this.#handler);
  }
}
