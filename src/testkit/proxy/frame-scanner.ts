/** Bytes that pass together: a whole frame, or what has arrived of one. */
export interface Piece {
  readonly bytes: Buffer;
  /** A frame from its first byte to its last; `false` for bytes that are no RESP and for parts of a frame. */
  readonly whole: boolean;
}

const LF = 0x0a;
const SIMPLE = new Set(Buffer.from('+-:_#,('));
const BULK = new Set(Buffer.from('$=!'));
const AGGREGATE = new Map([...'*~>'].map((type) => [type.charCodeAt(0), 1] as const));
const PAIRS = new Map([...'%|'].map((type) => [type.charCodeAt(0), 2] as const));
const ATTRIBUTE = 0x7c;

/** An aggregate whose items are still coming. */
interface Open {
  missing: number;
  readonly attribute: boolean;
}

/**
 * Finds where top-level RESP frames end, however the bytes were cut. It looks at lengths and counts alone. After the
 * first byte that starts no frame everything passes as it comes (TLS below, or a peer that speaks something else).
 */
export class FrameScanner {
  readonly #inline: boolean;
  #bytes: Buffer = Buffer.allocUnsafe(4096);
  #size = 0;
  /** Everything before it belongs to tokens that were read. */
  #at = 0;
  #open: Open[] = [];
  /** Bytes of the present frame that were handed out already. */
  #passed = 0;
  #raw = false;

  /** `inline`: a line that starts with a letter is a frame too (commands typed by hand). */
  constructor(inline: boolean) {
    this.#inline = inline;
  }

  /** No frame has begun that is not complete. */
  get between(): boolean {
    return this.#size === 0;
  }

  /** The frames these bytes complete; with `eager`, also the part of the next one that is there. */
  write(chunk: Buffer, eager: boolean): Piece[] {
    if (this.#raw) return [{ bytes: Buffer.from(chunk), whole: false }];
    this.#append(chunk);
    const pieces: Piece[] = [];
    let start = 0;
    while (this.#token()) {
      if (this.#open.length > 0) continue;
      pieces.push({ bytes: this.#copy(start + this.#passed, this.#at), whole: this.#passed === 0 });
      this.#passed = 0;
      start = this.#at;
    }
    this.#keep(start);
    if ((eager || this.#raw) && this.#size > this.#passed) pieces.push(this.rest());
    return pieces;
  }

  /** Hands out the part of a frame that is held back. */
  rest(): Piece {
    const bytes = this.#copy(this.#passed, this.#size);
    this.#passed = this.#size;
    return { bytes, whole: false };
  }

  #copy(from: number, to: number): Buffer {
    return Buffer.from(this.#bytes.subarray(from, to));
  }

  #append(chunk: Buffer): void {
    const size = this.#size + chunk.length;
    if (size > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(size, this.#bytes.length * 2));
      this.#bytes.copy(larger, 0, 0, this.#size);
      this.#bytes = larger;
    }
    this.#bytes.set(chunk, this.#size);
    this.#size = size;
  }

  #keep(start: number): void {
    if (start === 0) return;
    this.#bytes.copy(this.#bytes, 0, start, this.#size);
    this.#size -= start;
    this.#at -= start;
  }

  /** Reads one token; false when it is incomplete. */
  #token(): boolean {
    if (this.#at >= this.#size || this.#raw) return false;
    const type = this.#bytes[this.#at] ?? 0;
    const line = this.#bytes.subarray(0, this.#size).indexOf(LF, this.#at);
    if (!this.#known(type)) {
      this.#raw = true;
      return false;
    }
    if (line < 0) return false;
    const number = Number(this.#bytes.toString('latin1', this.#at + 1, line));
    if (BULK.has(type)) return this.#bulk(line + 1, number);
    const width = AGGREGATE.get(type) ?? PAIRS.get(type);
    this.#at = line + 1;
    if (width === undefined || !(number > 0)) this.#complete();
    else this.#open.push({ missing: number * width, attribute: type === ATTRIBUTE });
    return true;
  }

  #known(type: number): boolean {
    if (SIMPLE.has(type) || BULK.has(type) || AGGREGATE.has(type) || PAIRS.has(type)) return true;
    return this.#inline && this.#open.length === 0 && type >= 0x41 && type <= 0x7a;
  }

  #bulk(start: number, length: number): boolean {
    const end = length >= 0 ? start + length + 2 : start;
    if (this.#size < end) return false;
    this.#at = end;
    this.#complete();
    return true;
  }

  /** An item is complete, and with it every aggregate whose last item it was. */
  #complete(): void {
    for (let top = this.#open.at(-1); top !== undefined; top = this.#open.at(-1)) {
      if (--top.missing > 0) return;
      this.#open.pop();
      // An attribute precedes the value it speaks of: that is still to come.
      if (top.attribute) return void this.#open.push({ missing: 1, attribute: false });
    }
  }
}

/** The words a command frame starts with, in capitals: at most two. */
export function commandWords(frame: Buffer): string[] {
  const head = frame.toString('latin1', 0, Math.min(frame.length, 256));
  if (!head.startsWith('*')) return head.trim().toUpperCase().split(/\s+/, 2);
  const lines = head.split('\r\n');
  return [lines[2] ?? '', lines[4] ?? ''].filter((word) => word !== '').map((word) => word.toUpperCase());
}
