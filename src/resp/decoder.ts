import type { DecodeMode, Reply } from './types.ts';

/** What `read()` returns while the next message is not there yet. */
export const INCOMPLETE: unique symbol = Symbol('respool.incomplete');

export interface DecoderLimits {
  maxDepth: number;
  maxBulkLength: number;
  maxElements: number;
  maxLineLength: number;
  maxDigits: number;
}

export class Decoder {
  /** What the last `read()` returned: 0 a reply, 1 an error reply at top level, 2 a push message. */
  kind: 0 | 1 | 2 = 0;
  constructor(_limits?: Partial<DecoderLimits>) {}
  feed(_chunk: Buffer, _start: number, _end: number): void {}
  read(_mode: DecodeMode, _pushMode: DecodeMode): Reply | typeof INCOMPLETE {
    return INCOMPLETE;
  }
  retain(): void {}
  get idle(): boolean {
    return true;
  }
  get pendingBulk(): number {
    return 0;
  }
}
