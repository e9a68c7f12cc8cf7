/** Limits on a peer's replies; the connection ends where one is exceeded. */
export interface DecoderLimits {
  /** Aggregates within each other; one at top level has depth 1. */
  maxDepth: number;
  /** Bytes of one string, streamed ones included. */
  maxBulkLength: number;
  /** Elements of one aggregate; a pair of a map counts twice. */
  maxElements: number;
  /** Bytes of a simple string, of an error, of a number. */
  maxLineLength: number;
  /** Digits of a length. */
  maxDigits: number;
}
/** The default limits. */
export const DEFAULT_LIMITS: DecoderLimits = {
  maxDepth: 128,
  maxBulkLength: 536_870_912,
  maxElements: 4_294_967_295,
  maxLineLength: 65_536,
  maxDigits: 20,
};
