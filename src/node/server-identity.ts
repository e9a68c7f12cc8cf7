import type { ConnectionCore } from '../connection/connection-core.ts';
import { isPassing } from '../errors/reply-errors.ts';
import { call } from '../connection/requests/call.ts';

const known = new WeakMap<ConnectionCore, Promise<string | null>>();

/**
 * The server's `run_id`, or null if the server does not give it. One address may lead to several servers (virtual IP,
 * proxy), and a client id is valid at one only. Asked once per connection, and again after a passing refusal such as
 * BUSY; the INFO command is queued when this returns.
 */
export function serverOf(core: ConnectionCore): Promise<string | null> {
  let identity = known.get(core);
  if (identity === undefined) {
    identity = ask(core);
    known.set(core, identity);
  }
  return identity;
}

/** Whether the run id was asked for and no retry is due: known, refused, or still outstanding. */
export function hasSaid(core: ConnectionCore): boolean {
  return known.has(core);
}

/** Whether two connections provably lead to the same server. */
export async function sameServer(one: ConnectionCore, other: ConnectionCore): Promise<boolean> {
  const [first, second] = await Promise.all([serverOf(one), serverOf(other)]);
  return first !== null && first === second;
}

async function ask(core: ConnectionCore): Promise<string | null> {
  try {
    const answer = await call(core, 'INFO', ['server'], { ledger: false });
    return /^run_id:(\w+)/m.exec(String(answer))?.[1] ?? null;
  } catch (error) {
    // After a passing refusal the next call asks again; any other failure counts as "no run id".
    if (isPassing(error)) known.delete(core);
    return null;
  }
}
