import { resolveCommand } from '../../commands/command-info.ts';
import { Entry } from '../../connection/requests/entry.ts';
import { encodeCommand, wireLength } from '../../resp/encoder.ts';
import { BYTES, UTF8 } from '../../resp/types.ts';

/** Goes right before a command that follows an ASK redirect; what is wrong shows in that command's answer. */
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
