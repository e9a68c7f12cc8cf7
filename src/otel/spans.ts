import {
  type Attributes,
  context,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
} from '@opentelemetry/api';
import type { BatchTrace, CommandTrace } from '../telemetry/traces.ts';
import { batchName, destinationAttributes, errorAttributes, peerAttributes } from './attributes.ts';
import { Attached, type Subscriptions, subscribeTracing } from './subscriptions.ts';

/** How to make spans of one kind of trace. */
interface Kind<T extends { error?: unknown }> {
  name(trace: T): string;
  /** Null for no span. */
  atStart(trace: T): Attributes | null;
  atEnd(trace: T): Attributes;
}

const command: Kind<CommandTrace> = {
  name: (trace) => trace.command,
  atStart(trace) {
    // A batch counts as one operation, so its commands get no spans.
    if (trace.batchMode !== undefined) return null;
    const shown = trace.args.some((arg) => arg !== '?');
    return {
      ...destinationAttributes(trace),
      'db.operation.name': trace.command,
      ...(shown ? { 'db.query.text': [trace.command, ...trace.args].join(' ') } : {}),
      ...storedProcedure(trace),
    };
  },
  atEnd: (trace) => ({
    ...peerAttributes(trace),
    'respool.attempts': trace.attempts,
    ...(trace.queueTime === null ? {} : { 'respool.queue_time': trace.queueTime / 1_000 }),
    ...(trace.error === undefined ? {} : { 'respool.maybe_executed': trace.maybeExecuted }),
  }),
};

/** The SHA or function that a call names, if arguments are shown. */
function storedProcedure({ command: name, args: [first] }: CommandTrace): Attributes {
  const calls = /^(?:EVALSHA|FCALL)(?:_RO)?$/.test(name);
  return calls && first !== undefined && first !== '?' ? { 'db.stored_procedure.name': first } : {};
}

const batch: Kind<BatchTrace> = {
  name: (trace) => batchName(trace.batchMode, trace.commands),
  atStart: (trace) => ({
    ...destinationAttributes(trace),
    'db.operation.name': batchName(trace.batchMode, trace.commands),
    // By the conventions a batch of one is an ordinary operation.
    ...(trace.batchSize === 1 ? {} : { 'db.operation.batch.size': trace.batchSize }),
  }),
  atEnd: peerAttributes,
};

function watch<T extends { error?: unknown }>(
  subscriptions: Subscriptions,
  tracer: Tracer,
  channel: string,
  kind: Kind<T>,
): void {
  const open = new Attached<T, Span>();
  subscribeTracing<T>(subscriptions, channel, {
    start(trace) {
      const attributes = kind.atStart(trace);
      if (attributes === null) return;
      open.set(
        trace,
        tracer.startSpan(kind.name(trace), { kind: SpanKind.CLIENT, attributes }, context.active()),
      );
    },
    asyncEnd(trace) {
      const span = open.get(trace);
      if (span === undefined) return;
      span.setAttributes({ ...kind.atEnd(trace), ...errorAttributes(trace.error) });
      if (trace.error !== undefined) {
        const { error } = trace;
        span.setStatus({
          code: SpanStatusCode.ERROR,
          ...(error instanceof Error ? { message: error.message } : {}),
        });
      }
      span.end();
    },
  });
}

/** Makes one span for each command, batch and transaction. */
export function watchSpans(subscriptions: Subscriptions, tracer: Tracer): void {
  watch(subscriptions, tracer, 'command', command);
  watch(subscriptions, tracer, 'batch', batch);
  watch(subscriptions, tracer, 'transaction', batch);
}
