/// <reference types="node" preserve="true" />
import { nameClass } from '../base/classes.ts';
import { metrics, type MeterProvider, trace, type TracerProvider } from '@opentelemetry/api';
import { ObservedPools, type ObservedPool, watchMetrics } from './metrics.ts';
import { watchSpans } from './spans.ts';
import { Subscriptions } from './subscriptions.ts';

export type { ObservedPool };

/** The instrumentation scope of the spans and metrics. */
const SCOPE = 'respool';

export interface InstrumentOptions {
  /** Default: the global one. `null`: no spans. */
  readonly tracerProvider?: TracerProvider | null | undefined;
  /** Default: the global one. `null`: no metrics. */
  readonly meterProvider?: MeterProvider | null | undefined;
  /** Pools made before; those made later are found by themselves. */
  readonly pools?: Iterable<ObservedPool> | undefined;
}

/** The running instrumentation; dispose it to stop. */
export interface Instrumentation extends Disposable {
  /** Reads the gauges of this pool as well; one that was made before. */
  observe(pool: ObservedPool): void;
  /** Switches everything off; the same as disposing. */
  disable(): void;
}

/**
 * Turns the diagnostics channels of the package into OpenTelemetry spans and metrics, named by the semantic
 * conventions for database clients.
 *
 * @throws TypeError for an unknown option.
 * @example
 * import { instrument } from 'respool/otel';
 * const instrumentation = instrument({ tracerProvider, meterProvider });
 * // …
 * instrumentation.disable();
 */
export function instrument(options: InstrumentOptions = {}): Instrumentation {
  for (const name of Object.keys(options)) {
    if (!['tracerProvider', 'meterProvider', 'pools'].includes(name))
      throw new TypeError(`unknown option of instrument(): ${name}`);
  }
  const { tracerProvider, meterProvider } = options;
  const subscriptions = new Subscriptions();
  const pools = new ObservedPools();
  for (const pool of options.pools ?? []) pools.add(pool);
  if (tracerProvider !== null) watchSpans(subscriptions, (tracerProvider ?? trace).getTracer(SCOPE));
  if (meterProvider !== null) watchMetrics(subscriptions, (meterProvider ?? metrics).getMeter(SCOPE), pools);
  return {
    observe: (pool) => pools.add(pool),
    disable: () => subscriptions[Symbol.dispose](),
    [Symbol.dispose]: () => subscriptions[Symbol.dispose](),
  };
}
nameClass(instrument, 'instrument');
