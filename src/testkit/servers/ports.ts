import { createServer } from 'node:net';

/*
 * Below the ephemeral range: an outgoing connection never sits on the port of a server that is being
 * restarted, and a client that dials a dead port never meets itself. The bus port is the port + 10,000.
 */
const FIRST = 10_240;
const COUNT = 9_700;
const BUS_OFFSET = 10_000;

const taken = new Set<number>();

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

/*
 * Ports below the ephemeral range: an outgoing connection never takes the port of a server that is being restarted, and
 * a client that dials a dead port never connects to itself. The bus port is the port + 10,000.
 */
export async function freePort(withBus = false): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (taken.has(port)) continue;
    taken.add(port);
    if ((await isFree(port)) && (!withBus || (await isFree(port + BUS_OFFSET)))) return port;
    taken.delete(port);
  }
  throw new Error(`respool/testkit: no free port found between ${FIRST} and ${FIRST + COUNT - 1}`);
}

export function releasePort(port: number): void {
  taken.delete(port);
}
