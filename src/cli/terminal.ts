import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { styleText, stripVTControlCharacters } from 'node:util';

export type Style = Parameters<typeof styleText>[0];

const LEVELS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/** Standard output; colours and redrawing only on a terminal, not in a pipe. */
export class Terminal {
  readonly #out: NodeJS.WriteStream;
  readonly #colours: boolean;
  /** Whether the output is a terminal, where pictures are redrawn in place. */
  readonly live: boolean;
  #drawn = 0;

  constructor(out: NodeJS.WriteStream = process.stdout, colours = true) {
    this.#out = out;
    this.live = out.isTTY === true && process.env['TERM'] !== 'dumb';
    this.#colours = colours && this.live && process.env['NO_COLOR'] === undefined;
  }

  get columns(): number {
    return this.#out.columns ?? 80;
  }

  style(style: Style, text: string): string {
    return this.#colours ? styleText(style, text, { validateStream: false }) : text;
  }

  line(text = ''): void {
    this.#out.write(`${text}\n`);
    this.#drawn = 0;
  }

  /** Prints a sentence after `lead`. On a terminal it wraps between words and is indented by the width of `lead`. */
  sentence(lead: string, text: string, style?: Style): void {
    const indent = widthOf(lead);
    const rows = this.live ? wrapped(text, this.columns - indent) : [text];
    for (const [index, row] of rows.entries())
      this.line(
        (index === 0 ? lead : ' '.repeat(indent)) + (style === undefined ? row : this.style(style, row)),
      );
  }

  /** Prints a line from a server or another client; on a terminal control characters are escaped. */
  foreign(text: string): void {
    this.line(this.live ? printable(text) : text);
  }

  /** Prints a remark on standard error, so that pipes get only results. */
  note(text: string): void {
    writeNote(text);
  }

  /** Draws a picture over the last one; in a pipe prints the line `plain`. */
  draw(picture: readonly string[], plain: string): void {
    if (!this.live) return this.line(plain);
    const up = this.#drawn > 0 ? `\x1b[${this.#drawn}A` : '';
    const rows = picture.map((row) => `\x1b[2K${this.#cut(row)}\n`);
    this.#out.write(`${up}${rows.join('')}\x1b[J`);
    this.#drawn = picture.length;
  }

  /** Cuts a row that is too long. Removes its colours too, because a cut escape code could colour later text. */
  #cut(row: string): string {
    const plain = stripVTControlCharacters(row);
    return plain.length <= this.columns ? row : `${plain.slice(0, this.columns - 1)}…`;
  }

  /** Asks for a line of input that is not shown. */
  async secret(question: string): Promise<string> {
    process.stderr.write(question);
    const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
    const reader = createInterface({ input: process.stdin, output: silent, terminal: process.stdin.isTTY });
    try {
      for await (const line of reader) return line;
      return '';
    } finally {
      reader.close();
      process.stderr.write('\n');
    }
  }
}

/** Escapes control characters in a server's text, which could control the terminal. */
export function printable(text: string): string {
  return text.replace(
    /[\x00-\x09\x0b-\x1f\x7f-\x9f]/g,
    (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

/** Prints text on standard error, wrapped between words on a terminal. */
export function writeNote(text: string): void {
  const { isTTY, columns = 80 } = process.stderr;
  const lines = isTTY ? text.split('\n').flatMap((line) => wrapped(line, columns)) : [text];
  process.stderr.write(`${lines.join('\n')}\n`);
}

/**
 * Wraps text between words into lines of at most `width` characters; a longer word stays whole.
 *
 * @testable
 */
export function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && longer.length > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line];
}

/** Draws values as a row of bars; the largest has full height. */
export function sparkline(values: readonly number[]): string {
  const top = Math.max(...values, Number.MIN_VALUE);
  return values.map((value) => LEVELS[Math.round((value / top) * (LEVELS.length - 1))]).join('');
}

/** Draws a horizontal bar of at most `width` cells. */
export function bar(share: number, width: number): string {
  const cells = Math.round(Math.max(0, Math.min(1, share)) * width);
  return '█'.repeat(cells).padEnd(width, '░');
}

/** Aligns cells in columns; numbers to the right. */
export function table(rows: readonly (readonly (string | number)[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries())
      widths[index] = Math.max(widths[index] ?? 0, widthOf(String(cell)));
  }
  return rows.map((row) =>
    row
      .map((cell, index) => {
        const text = String(cell);
        const pad = ' '.repeat((widths[index] ?? 0) - widthOf(text));
        return typeof cell === 'number' ? pad + text : text + pad;
      })
      .join('  ')
      .trimEnd(),
  );
}

function widthOf(text: string): number {
  return stripVTControlCharacters(text).length;
}

export function integer(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

export function milliseconds(value: number): string {
  if (value >= 1_000) return `${(value / 1_000).toFixed(2)} s`;
  return `${value.toFixed(value < 10 ? 2 : 1)} ms`;
}

export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let size = value;
  while (size >= 1_024 && unit < units.length - 1) {
    size /= 1_024;
    unit++;
  }
  return `${unit === 0 ? size : size.toFixed(1)} ${units[unit]}`;
}
