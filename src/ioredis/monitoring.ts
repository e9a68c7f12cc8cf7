import type { EventEmitter } from 'node:events';
import type { Link } from './link.ts';

/** Resolves when the monitoring client has started. */
export function begun<T extends EventEmitter>(monitor: T): Promise<T> {
  return new Promise((resolve, reject) => {
    monitor.once('error', reject);
    monitor.once('monitoring', () => resolve(monitor));
  });
}

/** Turns the lines of MONITOR into events. */
export class Monitoring {
  readonly #link: Link;
  readonly #emitter: EventEmitter;

  constructor(link: Link, emitter: EventEmitter) {
    this.#link = link;
    this.#emitter = emitter;
  }

  begin(begun: () => void): void {
    const lines = this.#link.streamedMessages;
    this.#link.sendCommand('MONITOR');
    this.#read(lines, begun).catch(() => {});
  }

  async #read(lines: AsyncGenerator<unknown>, begun: () => void): Promise<void> {
    for await (const line of lines) {
      if (line instanceof Error) this.#emitter.emit('error', line);
      else if (line === 'OK') begun();
      else this.#tell(String(line));
    }
  }

  /** Parses a line: `1339518083.107412 [0 127.0.0.1:60866] "set" "key" "value"`. */
  #tell(line: string): void {
    const [time = ''] = line.split(' ', 1);
    const quote = line.indexOf('"');
    const args = line
      .slice(quote + 1, -1)
      .split('" "')
      .map((word) => word.replaceAll('\\"', '"'));
    const [database, source] = line.slice(time.length + 2, quote - 2).split(' ');
    this.#emitter.emit('monitor', time, args, source, database);
  }
}
