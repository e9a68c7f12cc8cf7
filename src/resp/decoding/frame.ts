import type { ByteSink } from '../byte-sink.ts';
import { mapOfText, type ReplyMap, type ReplySet, setOfText } from '../reply-map.ts';
import type { Reply } from '../types.ts';
import { type DecodeMode, textOfMode } from '../text-modes.ts';
import { ATTRIBUTE, MAP, PUSH, SET } from '../wire-types.ts';

/** An aggregate or streamed string being read. `left` counts down; if negative, a terminator ends it. */
export class Frame {
  readonly type: number;
  readonly mode: DecodeMode;
  readonly parent: Frame | null;
  /** Null if its content is dropped. */
  value: Reply[] | ReplyMap | ReplySet | ByteSink | null;
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

/** An empty container for the elements of an aggregate; null for an attribute, whose elements are dropped. */
export function emptyAggregate(type: number, mode: DecodeMode): Reply[] | ReplyMap | ReplySet | null {
  if (type === MAP) return mapOfText(textOfMode(mode));
  if (type === SET) return setOfText(textOfMode(mode));
  return type === ATTRIBUTE ? null : [];
}

/** Drops the part already read of a reply whose caller has given up; a push inside it stays. */
export function dropKept(top: Frame | null): void {
  let outermost: Frame | null = null;
  for (let frame = top; frame !== null; frame = frame.parent) if (frame.type === PUSH) outermost = frame;
  for (let frame = outermost === null ? top : outermost.parent; frame !== null; frame = frame.parent) {
    frame.value = null;
  }
}
