/** How long a call may wait. */
export interface WaitOptions {
  /** When it fires, the call rejects with `signal.reason` itself. */
  signal?: AbortSignal | undefined;
  /** Milliseconds; `null` or absent: no limit unless the call names a default. */
  timeout?: number | null | undefined;
}
