import { readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import {
  findServerBinary,
  serverBinaries,
  type ServerBinary,
  startServer,
  type StartServerOptions,
  type TestServer,
} from '../../src/testkit/index.ts';

const CACHE = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'respool-servers');

/** Launchers that `node scripts/fetch-servers.mjs` left, by name: `valkey-9.1`. */
export function fetchedServers(): Map<string, string> {
  const found = new Map<string, string>();
  try {
    for (const name of readdirSync(CACHE)) {
      const binary = readdirSync(join(CACHE, name)).find((entry) => entry.endsWith('-server'));
      if (binary !== undefined) found.set(name, join(CACHE, name, binary));
    }
  } catch {
    // nothing was fetched
  }
  return found;
}

/** Every server at hand, those of this machine first. */
export async function allServers(): Promise<ServerBinary[]> {
  const fetched = await Promise.all([...fetchedServers().values()].map((path) => findServerBinary(path)));
  return [...(await serverBinaries()), ...fetched];
}

/** Starts a server before the tests of the file or `describe` that calls this, and stops it after them. */
export function useServer(started: (server: TestServer) => unknown, options?: StartServerOptions): void {
  let server: TestServer;
  before(async () => {
    server = await startServer(options);
    await started(server);
  });
  after(() => server.stop());
}
