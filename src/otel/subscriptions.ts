import { channel, type Channel, tracingChannel } from 'node:diagnostics_channel';

/** The channel subscriptions, so that they can be undone. */
export class Subscriptions implements Disposable {
  readonly #undo: (() => void)[] = [];
  /** The references keep the channels. */
  readonly #channels: Channel[] = [];

  /** To one point channel. */
  on<E>(name: string, listener: (event: E) => void): void {
    const target = channel(`respool:${name}`);
    const handler = (event: unknown): void => listener(event as E);
    target.subscribe(handler);
    this.#channels.push(target);
    this.#undo.push(() => target.unsubscribe(handler));
  }
  add(undo: () => void): void {
    this.#undo.push(undo);
  }
  [Symbol.dispose](): void {
    for (const undo of this.#undo.splice(0)) undo();
  }
}

/**
 * Keeps a value with each trace, on the trace itself: a WeakMap of objects that live for a moment costs the collector
 * more than the call.
 */
export class Attached<T extends object, V> {
  readonly #key = Symbol('respool/otel');

  set(trace: T, value: V): void {
    (trace as Record<symbol, V>)[this.#key] = value;
  }
  get(trace: T): V | undefined {
    return (trace as Record<symbol, V>)[this.#key];
  }
}

interface Handlers<T> {
  start(trace: T): void;
  asyncEnd(trace: T): void;
}

/** To the beginning and the end of one kind of trace. */
export function subscribeTracing<T extends object>(
  subscriptions: Subscriptions,
  name: string,
  { start, asyncEnd }: Handlers<T>,
): void {
  const { start: first, asyncEnd: last } = tracingChannel<unknown, T>(`respool:${name}`);
  const atStart = (trace: unknown): void => start(trace as T);
  const atEnd = (trace: unknown): void => asyncEnd(trace as T);
  first.subscribe(atStart);
  last.subscribe(atEnd);
  subscriptions.add(() => {
    first.unsubscribe(atStart);
    last.unsubscribe(atEnd);
  });
}
