import { channel, type Channel, tracingChannel } from 'node:diagnostics_channel';

/** Subscriptions to diagnostics channels, which disposing removes. */
export class Subscriptions implements Disposable {
  readonly #undo: (() => void)[] = [];
  /** References that keep the channels alive. */
  readonly #channels: Channel[] = [];

  /** Subscribes to one channel of single events. */
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
 * Stores a value on each trace object. A WeakMap of short-lived objects would cost the garbage collector more than the
 * call itself.
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

/** Subscribes to the start and the end of one kind of trace. */
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
