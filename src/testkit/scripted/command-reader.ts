const LF = 0x0a;
const STAR = 0x2a;

/** Parses commands, however the bytes were split: arrays of bulk strings, and inline commands. */
export class CommandReader {
  #pending: Buffer[] = [];
  #size = 0;
  /** Do not parse again before this many bytes have arrived. */
  #needed = 0;

  /** Returns the commands completed by these bytes. */
  write(chunk: Buffer): Buffer[][] {
    this.#pending.push(chunk);
    this.#size += chunk.length;
    if (this.#size < this.#needed) return [];
    const bytes = this.#pending.length === 1 ? chunk : Buffer.concat(this.#pending);
    const commands: Buffer[][] = [];
    let at = 0;
    for (;;) {
      const found = readCommand(bytes, at);
      if (typeof found === 'number') {
        this.#needed = found === 0 ? 0 : found - at;
        break;
      }
      if (found.command.length > 0) commands.push(found.command);
      at = found.end;
    }
    const rest = bytes.subarray(at);
    this.#pending = rest.length === 0 ? [] : [rest];
    this.#size = rest.length;
    return commands;
  }

  /** Number of bytes of an incomplete command. */
  get unfinished(): number {
    return this.#size;
  }
}

interface Found {
  readonly command: Buffer[];
  readonly end: number;
}

/** The command at the offset; if incomplete, the number of bytes needed to go on (0: unknown). */
function readCommand(bytes: Buffer, at: number): Found | number {
  const lineEnd = bytes.indexOf(LF, at);
  if (lineEnd < 0) return 0;
  if (bytes[at] !== STAR) {
    const words = bytes
      .toString('latin1', at, lineEnd)
      .trim()
      .split(/\s+/)
      .filter((word) => word !== '');
    return { command: words.map((word) => Buffer.from(word, 'latin1')), end: lineEnd + 1 };
  }
  const count = number(bytes, at + 1, lineEnd);
  const command: Buffer[] = [];
  let offset = lineEnd + 1;
  for (let index = 0; index < count; index++) {
    const end = bytes.indexOf(LF, offset);
    if (end < 0) return 0;
    if (bytes[offset] !== 0x24)
      throw new Error(`scripted server: expected $ at ${bytes.toString('latin1', offset, end)}`);
    const start = end + 1;
    const next = start + number(bytes, offset + 1, end) + 2;
    if (bytes.length < next) return next;
    command.push(Buffer.from(bytes.subarray(start, next - 2)));
    offset = next;
  }
  return { command, end: offset };
}

function number(bytes: Buffer, from: number, to: number): number {
  const value = Number(bytes.toString('latin1', from, to));
  if (!Number.isInteger(value))
    throw new Error(`scripted server: not a length: ${bytes.toString('latin1', from, to)}`);
  return value;
}
