/** Bytes that pass together: a whole frame, or the part that has arrived. */
export interface Piece {
  readonly bytes: Buffer;
  /** True for a complete frame; false for a part of a frame, and for bytes that are not RESP. */
  readonly whole: boolean;
}

const LF = 0x0a;
const SIMPLE = new Set(Buffer.from('+-:_#,('));
const BULK = new Set(Buffer.from('$=!'));
const AGGREGATE = new Map([...'*~>'].map((type) => [type.charCodeAt(0), 1] as const));
const PAIRS = new Map([...'%|'].map((type) => [type.charCodeAt(0), 2] as const));
const ATTRIBUTE = 0x7c;

/** An aggregate with items missing. */
interface Open {
  missing: number;
  readonly attribute: boolean;
}

/**
 * Finds the ends of top-level RESP frames, however the bytes were cut, by lengths and counts alone. After the first
 * byte that starts no frame everything passes as it comes (TLS, or another protocol).
 */
export class FrameScanner {
  readonly #inline: boolean;
  #bytes: Buffer = Buffer.allocUnsafe(4096);
  #size = 0;
  /** Position after the last token read. */
  #at = 0;
  #open: Open[] = [];
  /** Number of bytes of the current frame that were returned already. */
  #passed = 0;
  #raw = false;

  /** `inline`: a line that starts with a letter is a frame too (inline commands). */
  constructor(inline: boolean) {
    this.#inline = inline;
  }

  /** Whether no frame is incomplete. */
  get between(): boolean {
    return this.#size === 0;
  }

  /** Returns the frames completed by these bytes; with `eager` also the part of the next one. */
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

  /** Returns the part of an incomplete frame that is held back. */
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

  /** Reads one token; false if it is incomplete. */
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

  /** Counts a complete item, and closes every aggregate that it completes. */
  #complete(): void {
    for (let top = this.#open.at(-1); top !== undefined; top = this.#open.at(-1)) {
      if (--top.missing > 0) return;
      this.#open.pop();
      // The value that the attribute belongs to is still missing.
      if (top.attribute) return void this.#open.push({ missing: 1, attribute: false });
    }
  }
}

/** The first two words of a command frame, in capitals. */
export function commandWords(frame: Buffer): string[] {
  const head = frame.toString('latin1', 0, Math.min(frame.length, 256));
  if (!head.startsWith('*')) return head.trim().toUpperCase().split(/\s+/, 2);
  const lines = head.split('\r\n');
  return [lines[2] ?? '', lines[4] ?? ''].filter((word) => word !== '').map((word) => word.toUpperCase());
}
