/** An aggregate being read: its items so far, and how many are missing. */
interface Frame {
  readonly kind: string;
  readonly items: unknown[];
  missing: number;
}

const LF = 0x0a;

/** A simple parser of RESP2 and RESP3 replies; bulk strings become text, errors `Error` objects. */
export class ReplyReader {
  readonly #onReply: (reply: unknown) => void;
  #pending: Buffer = Buffer.alloc(0);
  #needed = 0;
  #frames: Frame[] = [];

  constructor(onReply: (reply: unknown) => void) {
    this.#onReply = onReply;
  }

  write(chunk: Buffer): void {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    if (this.#pending.length < this.#needed) return;
    this.#needed = 0;
    let at = 0;
    for (let next = this.#token(at); next > at; next = this.#token(at)) at = next;
    this.#pending = this.#pending.subarray(at);
    if (this.#needed > 0) this.#needed -= at;
  }

  /** Reads one token at the offset; returns its end, or the offset if it is incomplete. */
  #token(at: number): number {
    const end = this.#pending.indexOf(LF, at);
    if (end < 0) return at;
    const kind = String.fromCharCode(this.#pending[at] ?? 0);
    const line = this.#pending.toString('utf8', at + 1, end - 1);
    if (kind === '$' || kind === '=' || kind === '!') return this.#bulk(at, end + 1, kind, Number(line));
    if (kind === '*' || kind === '%' || kind === '~' || kind === '>') {
      const count = Number(line) * (kind === '%' ? 2 : 1);
      if (count < 0) this.#add(null);
      else if (count === 0) this.#add(kind === '%' ? new Map() : kind === '~' ? new Set() : []);
      else this.#frames.push({ kind, items: [], missing: count });
    } else {
      this.#add(simple(kind, line));
    }
    return end + 1;
  }

  #bulk(at: number, start: number, kind: string, size: number): number {
    if (size < 0) {
      this.#add(null);
      return start;
    }
    const end = start + size + 2;
    if (this.#pending.length < end) {
      this.#needed = end;
      return at;
    }
    const text = this.#pending.toString('utf8', start, end - 2);
    this.#add(kind === '!' ? new Error(text) : kind === '=' ? text.slice(4) : text);
    return end;
  }

  #add(value: unknown): void {
    let done = value;
    for (;;) {
      const frame = this.#frames.at(-1);
      if (frame === undefined) return this.#onReply(done);
      frame.items.push(done);
      if (--frame.missing > 0) return;
      this.#frames.pop();
      if (frame.kind === '>') return;
      done = finished(frame);
    }
  }
}

function simple(kind: string, line: string): unknown {
  switch (kind) {
    case '+':
      return line;
    case '-':
      return new Error(line);
    case ':':
      return Number.isSafeInteger(Number(line)) ? Number(line) : BigInt(line);
    case ',':
      return line === 'inf' ? Infinity : line === '-inf' ? -Infinity : Number(line);
    case '#':
      return line === 't';
    case '(':
      return BigInt(line);
    case '_':
      return null;
    default:
      return new Error(`respool/testkit: unknown reply type ${JSON.stringify(kind)}`);
  }
}

function finished(frame: Frame): unknown {
  if (frame.kind === '~') return new Set(frame.items);
  if (frame.kind !== '%') return frame.items;
  const map = new Map<unknown, unknown>();
  for (let at = 0; at < frame.items.length; at += 2) map.set(frame.items[at], frame.items[at + 1]);
  return map;
}
