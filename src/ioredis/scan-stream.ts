import { nameClass } from '../base/classes.ts';
import { Readable, type ReadableOptions } from 'node:stream';

/** Options of `scanStream` and the other scan streams. */
export interface ScanStreamOptions extends ReadableOptions {
  match?: string | undefined;
  type?: string | undefined;
  count?: number | string | undefined;
  noValues?: boolean | undefined;
}

/** Requests one page; the cursor is the first argument, or the second after a key. */
export type AskForPage = (args: unknown[]) => Promise<[cursor: string | Buffer, elements: unknown[]]>;

/** A stream of the pages of a scan, one array for each. */
export class ScanStream extends Readable {
  readonly #ask: AskForPage;
  readonly #key: string | Buffer | undefined;
  readonly #rest: unknown[] = [];
  #cursor = '0';
  #drained = false;

  constructor(ask: AskForPage, key: string | Buffer | undefined, options: ScanStreamOptions = {}) {
    const { match, type, count, noValues, ...readable } = options;
    super({ objectMode: true, ...readable });
    this.#ask = ask;
    this.#key = key;
    if (match) this.#rest.push('MATCH', match);
    if (type) this.#rest.push('TYPE', type);
    if (count) this.#rest.push('COUNT', String(count));
    if (noValues) this.#rest.push('NOVALUES');
  }

  override _read(): void {
    if (this.#drained) {
      this.push(null);
      return;
    }
    const begin = this.#key === undefined ? [this.#cursor] : [this.#key, this.#cursor];
    this.#ask([...begin, ...this.#rest]).then(
      ([cursor, elements]) => {
        this.#cursor = String(cursor);
        if (this.#cursor === '0') this.#drained = true;
        this.push(elements);
      },
      (error: unknown) => {
        this.emit('error', error);
      },
    );
  }

  /** Ends the stream before the next page. */
  close(): void {
    this.#drained = true;
  }
}
nameClass(ScanStream, 'ScanStream');
