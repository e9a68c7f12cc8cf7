import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';

/** Keeps spans in memory, and carries contexts over awaits. */
export function recordSpans(): {
  readonly spans: InMemorySpanExporter;
  readonly tracerProvider: BasicTracerProvider;
  readonly contextManager: AsyncLocalStorageContextManager;
} {
  const spans = new InMemorySpanExporter();
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });
  return { spans, tracerProvider, contextManager: new AsyncLocalStorageContextManager() };
}

/** Keeps metrics in memory; `reader.forceFlush()` collects them. */
export function recordMetrics(): {
  readonly exporter: InMemoryMetricExporter;
  readonly reader: PeriodicExportingMetricReader;
  readonly meterProvider: MeterProvider;
} {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  return { exporter, reader, meterProvider: new MeterProvider({ readers: [reader] }) };
}
