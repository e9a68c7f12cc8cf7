import type { ByteSink } from './byte-sink.ts';
import type { ReplyMap, ReplySet } from './reply-map.ts';
import type { DecodeMode, Reply } from './types.ts';

/** An aggregate, or streamed string, that is being read. `left` counts down; below 0 a terminator ends it. */
export class Frame {
  readonly type: number;
  readonly mode: DecodeMode;
  readonly parent: Frame | null;
  readonly value: Reply[] | ReplyMap | ReplySet | ByteSink | null;
  left: number;
  key: Reply | undefined = undefined;

  constructor(type: number, mode: DecodeMode, parent: Frame | null, value: Frame['value'], left: number) {
    this.type = type;
    this.mode = mode;
    this.parent = parent;
    this.value = value;
    this.left = left;
  }
}
