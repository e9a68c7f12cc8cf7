import { stripVTControlCharacters, styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];
/** Shown while a part runs: asked several times a second on a terminal, every few seconds elsewhere. */
export type Progress = () => string;

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const LEVELS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const REDRAW = 100;
const PLAIN_LINE = 2_000;
const LABEL = 24;

/** The terminal, or whatever stands in its place: then no colours, no redrawing, only lines. */
export class Screen {
  readonly live = process.stdout.isTTY === true && process.env['TERM'] !== 'dumb';
  readonly #colours = this.live && process.env['NO_COLOR'] === undefined;
  #frame = 0;
  #drawn = false;

  style(style: Style, text: string): string {
    return this.#colours ? styleText(style, text, { validateStream: false }) : text;
  }
  dim(text: string): string {
    return this.style('dim', text);
  }

  title(text: string): void {
    this.line(`\n${this.style('bold', text)}`);
  }
  /** One aligned line: what, and what came of it. */
  fact(label: string, value: string): void {
    this.line(`  ${this.dim(label.padEnd(LABEL))}${value}`);
  }
  /** A check and its outcome. */
  verdict(good: boolean, label: string, value: string): void {
    const mark = good
      ? this.style('green', this.live ? '✔' : 'ok')
      : this.style('red', this.live ? '✘' : 'WRONG');
    this.line(`  ${this.dim(label.padEnd(LABEL))}${value}  ${mark}`);
  }
  line(text: string): void {
    this.#erase();
    process.stdout.write(`${text}\n`);
  }

  /** Runs `work` with a line that moves. */
  async during<T>(progress: Progress, work: () => Promise<T>): Promise<T> {
    const timer = setInterval(() => this.#draw(progress), this.live ? REDRAW : PLAIN_LINE);
    try {
      return await work();
    } finally {
      clearInterval(timer);
      this.#erase();
    }
  }

  #draw(progress: Progress): void {
    const text = progress();
    if (!this.live) return void process.stdout.write(`  … ${text}\n`);
    const frame = FRAMES[this.#frame++ % FRAMES.length] ?? '';
    const columns = process.stdout.columns ?? 80;
    const fits = stripVTControlCharacters(text).length <= columns - 5;
    const shown = fits ? text : stripVTControlCharacters(text).slice(0, columns - 5);
    process.stdout.write(`\r\x1b[2K  ${this.style('cyan', frame)} ${shown}`);
    this.#drawn = true;
  }
  #erase(): void {
    if (this.#drawn) process.stdout.write('\r\x1b[2K');
    this.#drawn = false;
  }
}

/** A rate over time as a row of bars. */
export class Sparkline {
  readonly #all: number[] = [];
  readonly #length: number;
  /** Null before the first call, which only sets the mark. */
  #last: number | null = null;
  #at = performance.now();
  /** Per second, between the last two calls of `take`. */
  rate = 0;

  constructor(length = 24) {
    this.#length = length;
  }
  /** Everything since the beginning, at most `length` bars: what stays on the screen. */
  whole(length = 48): string {
    const share = Math.max(1, this.#all.length / length);
    const means = Array.from({ length: Math.min(length, this.#all.length) }, (_, index) => {
      const part = this.#all.slice(Math.floor(index * share), Math.max(1, Math.floor((index + 1) * share)));
      return part.reduce((sum, value) => sum + value, 0) / Math.max(1, part.length);
    });
    return barsOf(means);
  }
  /** Takes a running total; the bars show what was added between two calls. */
  take(total: number): string {
    const now = performance.now();
    if (this.#last !== null) {
      this.rate = ((total - this.#last) / Math.max(1, now - this.#at)) * 1_000;
      this.#all.push(this.rate);
    }
    this.#last = total;
    this.#at = now;
    return barsOf(this.#all.slice(-this.#length));
  }
}

function barsOf(values: readonly number[]): string {
  const top = Math.max(...values, Number.MIN_VALUE);
  return values.map((value) => LEVELS[Math.round((value / top) * (LEVELS.length - 1))]).join('');
}

export function integer(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
export function milliseconds(value: number): string {
  if (value >= 1_000) return `${(value / 1_000).toFixed(2)} s`;
  return `${value < 10 ? value.toFixed(2) : value.toFixed(1)} ms`;
}
export function seconds(value: number): string {
  return `${(value / 1_000).toFixed(1)} s`;
}
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${integer(count)} ${count === 1 ? one : many}`;
}
