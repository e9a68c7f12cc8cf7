/** Limits on replies; a reply that exceeds one ends the connection. */
export interface DecoderLimits {
  /** Depth of nested aggregates; one at top level has depth 1. */
  maxDepth: number;
  /** Bytes of one string, also of a streamed one. */
  maxBulkLength: number;
  /** Elements of one aggregate; a pair of a map counts as two. */
  maxElements: number;
  /** Bytes of a simple string, an error or a number. */
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
