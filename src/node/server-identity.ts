import type { ConnectionCore } from '../connection/connection-core.ts';
import { isPassing } from '../errors/reply-errors.ts';
import { call } from '../connection/requests/call.ts';

const known = new WeakMap<ConnectionCore, Promise<string | null>>();

/**
 * The run id that the server behind a connection gives itself: one address may lead to several servers (a virtual IP, a
 * service, a proxy), and the id of a client means something at one of them only. Null when the server does not say. Asked
 * once for each connection, or again after a server that was busy or loading; the question is queued when this returns.
 */
export function serverOf(core: ConnectionCore): Promise<string | null> {
  let identity = known.get(core);
  if (identity === undefined) {
    identity = ask(core);
    known.set(core, identity);
  }
  return identity;
}

/** The server has said who it is, or that it does not say. */
export function hasSaid(core: ConnectionCore): boolean {
  return known.has(core);
}

/** Whether two connections certainly lead to one server. */
export async function sameServer(one: ConnectionCore, other: ConnectionCore): Promise<boolean> {
  const [first, second] = await Promise.all([serverOf(one), serverOf(other)]);
  return first !== null && first === second;
}

async function ask(core: ConnectionCore): Promise<string | null> {
  try {
    const answer = await call(core, 'INFO', ['server'], { ledger: false });
    return /^run_id:(\w+)/m.exec(String(answer))?.[1] ?? null;
  } catch (error) {
    // Refused or lost: it does not say.
    if (isPassing(error)) known.delete(core);
    return null;
  }
}
