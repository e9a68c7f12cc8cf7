import { resolveCommand } from '../../commands/command-info.ts';
import { Entry } from '../../connection/requests/entry.ts';
import { encodeCommand, wireLength } from '../../resp/encoder.ts';
import { BYTES, UTF8 } from '../../resp/text-modes.ts';

/** `ASKING`, directly before a command that follows an ASK redirect. If it fails, that command's reply says so. */
export class AskingEntry extends Entry {
  constructor() {
    const info = resolveCommand('ASKING', []);
    const wire = encodeCommand(info, [], UTF8);
    super(info, wire, wireLength(wire), BYTES);
  }
  succeed(): void {}
  refuse(): void {}
  fail(): void {}
}

/** `CLIENT CACHING YES` or `NO`, directly before a read: whether the server should track its keys. */
export class CachingEntry extends Entry {
  readonly #refused: (() => void) | null;

  constructor(word: 'YES' | 'NO', refused: (() => void) | null) {
    const info = resolveCommand('CLIENT CACHING', [word]);
    const wire = encodeCommand(info, [word], UTF8);
    super(info, wire, wireLength(wire), BYTES);
    this.#refused = refused;
  }
  succeed(): void {}
  refuse(): void {
    this.#refused?.();
  }
  /** The read after it fails as well, and reports the error. */
  fail(): void {}
}
