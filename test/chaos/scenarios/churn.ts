// A thousand callers on ten connections take, cancel, give back, give back twice, and break them.
import { type BaseConnection, ConnectionPool, type Lease, RedisError } from '../../../src/index.ts';
import { ScriptedServer } from '../../../src/testkit/index.ts';
import { randomOf } from '../../support/random.ts';
import { sleep } from '../support/load.ts';

const MOST = 10;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export async function churn(settings: {
  seed: number;
  seconds: number;
  actions?: number;
  callers?: number;
}): Promise<{ lines: string[]; violations: string[]; actions: number }> {
  const { seed, seconds, actions: most = 1_000_000, callers = 1_000 } = settings;
  const random = randomOf(seed);
  const violations: string[] = [];
  await using server = await ScriptedServer.start(
    (_command, connection) => {
      if (random() < 0.0005) connection.reset();
      return undefined;
    },
    { record: false },
  );
  const pool = new ConnectionPool({
    location: server.location,
    decodeResponses: true,
    maxConnections: MOST,
    acquireTimeout: 2_000,
  });
  const held = new Set<BaseConnection>();
  let actions = 0;
  let acquired = 0;
  let cancelled = 0;
  const end = performance.now() + seconds * 1000;
  const failed = (error: unknown): void => {
    const fine = error instanceof RedisError || (error as Error).message === 'cancelled';
    if (!fine && violations.length < 50) violations.push(String(error));
  };

  const release = (lease: Lease<BaseConnection>): void => {
    held.delete(lease.connection);
    lease.release();
    actions++;
    if (random() < 0.1) {
      // A second time: it is the same lease, so nothing happens, also when somebody else has it now.
      lease.release();
      actions++;
    }
  };
  const take = async (): Promise<void> => {
    const controller = new AbortController();
    const dice = random();
    if (dice < 0.05) controller.abort(new Error('cancelled'));
    const waiting = pool.acquire({ signal: controller.signal });
    actions++;
    if (dice >= 0.05 && dice < 0.25) {
      // Before it starts, while it dials, while it waits.
      void turn().then(() => controller.abort(new Error('cancelled')));
      actions++;
    }
    let lease: Lease<BaseConnection>;
    try {
      lease = await waiting;
    } catch (error) {
      cancelled++;
      return failed(error);
    }
    acquired++;
    if (held.has(lease.connection)) violations.push('one connection has two holders');
    held.add(lease.connection);
    if (held.size > MOST) violations.push(`${held.size} connections are leased`);
    const fate = random();
    if (fate < 0.3) await lease.connection.execute('PING').catch(failed);
    else if (fate < 0.32) lease.connection.invalidate('for the test');
    else if (fate < 0.34) void lease.connection.execute('MULTI').catch(failed);
    else if (fate < 0.6) await turn();
    actions++;
    release(lease);
  };
  const caller = async (): Promise<void> => {
    while (actions < most && performance.now() < end) {
      const dice = random();
      if (dice < 0.8) await take();
      else if (dice < 0.82) pool.disconnect();
      else if (dice < 0.95) await pool.executeRequest('ECHO', ['x'], { timeout: 1_000 }).catch(failed);
      else await turn();
      actions++;
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  const busy = (): number => {
    const { inUseConnections, connectingConnections, waiting } = pool.statistics;
    return inUseConnections + connectingConnections + waiting;
  };
  for (const limit = performance.now() + 5_000; busy() > 0 && performance.now() < limit; ) await sleep(10);
  if (busy() > 0) violations.push(`not at rest: ${JSON.stringify(pool.statistics)}`);
  if (held.size > 0) violations.push(`${held.size} leases are held`);
  await pool.close({ timeout: 500 });
  for (
    const limit = performance.now() + 2_000;
    server.openConnections.length > 0 && performance.now() < limit;
  )
    await sleep(10);
  if (server.openConnections.length > 0) violations.push(`${server.openConnections.length} sockets are left`);
  const lines = [
    `churn (seed ${seed}): ${actions} actions, ${acquired} leases, ${cancelled} calls cancelled or failed`,
    ...violations.slice(0, 20).map((text) => `  ! ${text}`),
    violations.length === 0 ? '  no violation' : `  ${violations.length} VIOLATIONS`,
  ];
  return { lines, violations, actions };
}
