import { type RedisError, UnknownCommandError } from '../errors/errors.ts';
import type { Wire } from '../resp/encoder.ts';
import type { Entry } from './entry.ts';

const QUOTED = /'[^']*'|`[^`]*`|"[^"]*"/g;

/** Servers quote what they were given. What a message quotes of the arguments of its command is cut. */
export function redact(error: RedisError, { info, wire }: Entry): void {
  const { message } = error;
  if (error instanceof UnknownCommandError || message.search(QUOTED) === -1) return;
  const cut = message.replace(QUOTED, (whole) => {
    const text = whole.slice(1, -1);
    const harmless = text === '' || info.name.split(' ').includes(text.toUpperCase());
    return harmless || !holds(wire, text) ? whole : `${whole[0]}…${whole[0]}`;
  });
  if (cut === message) return;
  // To read it is to format it, which costs more than all of this; few errors come so far.
  const { stack } = error;
  error.message = cut;
  if (stack !== undefined) error.stack = stack.replace(message, () => cut);
}

function holds(wire: Wire, text: string): boolean {
  if (typeof wire === 'string') return wire.includes(text);
  return wire.some((piece) => piece.includes(text));
}
