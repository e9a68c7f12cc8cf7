import { inspect } from 'node:util';

/** Counters and times of one connection. Times are epoch milliseconds, or null until the event has happened. */
export interface ConnectionStatistics {
  readonly createdAt: number;
  /** When the transport was open, before the handshake. */
  readonly connectedAt: number | null;
  readonly firstByteReceivedAt: number | null;
  readonly lastByteReceivedAt: number | null;
  readonly lastByteWrittenAt: number | null;
  readonly lastRequestCreatedAt: number | null;
  readonly lastRequestResolvedAt: number | null;
  /** Bytes, as the protocol sees them (on TLS: plain text). */
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Requests, those of the handshake included; `sendCommand` is not counted. */
  readonly requestsCreated: number;
  /** Requests that are done: answered, cancelled before they were written, or lost. */
  readonly requestsResolved: number;
  /** Created and not resolved. */
  readonly requestsPending: number;
  /** Milliseconds from construction to the open transport; NaN before. */
  readonly rtt: number;
  /** Milliseconds from the open transport to the first byte; NaN before. */
  readonly ttfb: number;
  /** Push messages dropped because they were never read. */
  readonly messagesDropped: number;
}

/** The counters behind `ConnectionStatistics`: plain fields for the hot path. */
export class ConnectionCounters implements ConnectionStatistics {
  readonly createdAt = Date.now();
  connectedAt: number | null = null;
  firstByteReceivedAt: number | null = null;
  lastByteReceivedAt: number | null = null;
  lastByteWrittenAt: number | null = null;
  lastRequestCreatedAt: number | null = null;
  lastRequestResolvedAt: number | null = null;
  bytesRead = 0;
  bytesWritten = 0;
  requestsCreated = 0;
  requestsResolved = 0;
  rtt = Number.NaN;
  ttfb = Number.NaN;
  messagesDropped = 0;
  readonly #born = performance.now();
  #opened = 0;

  get requestsPending(): number {
    return this.requestsCreated - this.requestsResolved;
  }

  opened(): void {
    this.#opened = performance.now();
    this.connectedAt = Date.now();
    this.rtt = this.#opened - this.#born;
  }

  firstByte(): void {
    this.firstByteReceivedAt = Date.now();
    this.ttfb = performance.now() - this.#opened;
  }

  [inspect.custom](): ConnectionStatistics {
    return this.toJSON();
  }
  toJSON(): ConnectionStatistics {
    const { createdAt, connectedAt, firstByteReceivedAt, lastByteReceivedAt, lastByteWrittenAt } = this;
    const { lastRequestCreatedAt, lastRequestResolvedAt, bytesRead, bytesWritten } = this;
    const { requestsCreated, requestsResolved, requestsPending, rtt, ttfb, messagesDropped } = this;
    return {
      createdAt,
      connectedAt,
      firstByteReceivedAt,
      lastByteReceivedAt,
      lastByteWrittenAt,
      lastRequestCreatedAt,
      lastRequestResolvedAt,
      bytesRead,
      bytesWritten,
      requestsCreated,
      requestsResolved,
      requestsPending,
      rtt,
      ttfb,
      messagesDropped,
    };
  }
}
