import { channel, tracingChannel } from 'node:diagnostics_channel';
import { debuglog } from 'node:util';
import { channels } from './channels.ts';

const TRACES = ['command', 'batch', 'transaction', 'connect', 'acquire', 'subscribe'];
/** Not for a line: arguments may be secret, and objects say nothing in a line. */
const LEFT_OUT: ReadonlySet<string> = new Set(['args', 'pool', 'commands', 'stack']);

const log = debuglog('respool');
let begun = false;

function shown(value: unknown): string {
  if (value instanceof Error) return JSON.stringify(`${value.name}: ${value.message}`);
  return typeof value === 'number' && !Number.isInteger(value) ? value.toFixed(2) : String(value);
}

/** `name key=value …`, in the order of the fields; what is absent is left out. */
function lineOf(name: string, event: object): string {
  const fields = Object.entries(event).filter(
    ([key, value]) => !LEFT_OUT.has(key) && value !== undefined && value !== null,
  );
  return [name, ...fields.map(([key, value]) => `${key}=${shown(value)}`)].join(' ');
}

/**
 * With `NODE_DEBUG=respool` every event and the end of every trace becomes a line on standard error. Only the first call
 * does anything.
 */
export function startDebugLog(): void {
  // Some runtimes do not know `enabled`: the environment says the same.
  if (begun || !(log.enabled ?? /\brespool\b/i.test(process.env['NODE_DEBUG'] ?? ''))) return;
  begun = true;
  for (const { name } of Object.values(channels)) {
    const short = String(name).replace(/^respool:/, '');
    channel(name).subscribe((event) => log(lineOf(short, event as object)));
  }
  for (const name of TRACES) {
    const since = new WeakMap<object, number>();
    const { start, asyncEnd } = tracingChannel(`respool:${name}`);
    start.subscribe((trace) => void since.set(trace as object, performance.now()));
    asyncEnd.subscribe((trace) => {
      const took = performance.now() - (since.get(trace as object) ?? Number.NaN);
      log(lineOf(name, { took, ...(trace as object) }));
    });
  }
}
