import { channel, tracingChannel } from 'node:diagnostics_channel';
import { debuglog } from 'node:util';
import { channels } from './channels.ts';

const TRACES = ['command', 'batch', 'transaction', 'connect', 'acquire', 'subscribe'];
/** Fields that no log line shows: arguments may be secret, and objects are unreadable in one line. */
const LEFT_OUT: ReadonlySet<string> = new Set(['args', 'pool', 'commands', 'stack']);

const log = debuglog('respool');
let begun = false;

function shown(value: unknown): string {
  if (value instanceof Error) return JSON.stringify(`${value.name}: ${value.message}`);
  return typeof value === 'number' && !Number.isInteger(value) ? value.toFixed(2) : String(value);
}

/** Formats an event as `name key=value …`, in the order of its fields, without absent ones. */
function lineOf(name: string, event: object): string {
  const fields = Object.entries(event).filter(
    ([key, value]) => !LEFT_OUT.has(key) && value !== undefined && value !== null,
  );
  return [name, ...fields.map(([key, value]) => `${key}=${shown(value)}`)].join(' ');
}

/**
 * With `NODE_DEBUG=respool`, logs every event and the end of every trace as a line on standard error. Later calls do
 * nothing.
 */
export function startDebugLog(): void {
  // Some runtimes lack `enabled`, so read the environment.
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
