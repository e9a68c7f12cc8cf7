import type { CommandInfo } from './command-info.ts';
import { requestPolicyOf, responsePolicyOf } from './command-tips.ts';
import { SUBSCRIBE_FAMILY } from './flags.ts';

const ON_A_LEASE = 'run it on a connection of your own: pool.acquire() or pool.use()';

const TRANSACTION =
  'use pool.transaction(), or pool.watch() with WATCH; on a lease it is allowed: pool.acquire() or pool.use()';

const ADVICE: Readonly<Record<string, string>> = {
  MULTI: TRANSACTION,
  EXEC: TRANSACTION,
  DISCARD: TRANSACTION,
  WATCH: TRANSACTION,
  UNWATCH: TRANSACTION,
  SELECT: 'choose the database with the db option of the pool',
  AUTH: 'use the options credentialProvider, or username and password, of the pool',
  HELLO: 'the pool does the handshake; see its options username, password and clientName',
  RESET: `connections are reset by the pool; otherwise ${ON_A_LEASE}`,
  QUIT: 'use pool.disconnect() or pool.close()',
  MONITOR: 'take a connection with pool.acquire(), then connection.sendCommand() and streamedMessages',
  ASKING: 'redirects are followed by the cluster pool',
  READONLY: 'use the option readFromReplicas of the cluster pool',
  READWRITE: 'use the option readFromReplicas of the cluster pool',
  WAIT: `it waits for the writes of its own connection; ${ON_A_LEASE}, after the writes`,
  WAITAOF: `it waits for the writes of its own connection; ${ON_A_LEASE}, after the writes`,
  'CLIENT REPLY': 'use the option noreply of a request or of a connection',
  'CLIENT TRACKING': 'use the option cache of the pool; on a connection, updateTrackingClient()',
  'CLIENT CACHING': `use the option cache of the pool; otherwise ${ON_A_LEASE}`,
  'CLIENT SETNAME': 'use the option clientName of the pool',
  'CLIENT SETINFO': 'the pool sends it with the handshake',
  'CLIENT NO-EVICT': 'use the option noevict of the pool',
  'CLIENT NO-TOUCH': 'use the option notouch of the pool',
};

/** The error text for a command that a pool does not run on a shared connection, with advice. */
export function refusal(info: CommandInfo): string {
  return `${info.name} changes the state of its connection, and pooled connections are shared: ${advice(info)}`;
}

/** The error text for a command for which a cluster pool cannot choose the node. */
export function clusterRefusal(info: CommandInfo): string {
  const nodes = requestPolicyOf(info.name) === 'all_nodes' ? 'all' : 'primaries';
  const merged = mergeRefusal(info.name) === null ? ', and add { merge: true } for one answer' : '';
  return `${info.name} covers one node of a cluster: use executeOn('${nodes}', …) or executeOn(node, …)${merged}`;
}

/** The error text if the replies of several nodes cannot be merged; null if they can. */
export function mergeRefusal(name: string): string | null {
  if (responsePolicyOf(name) === 'special' || requestPolicyOf(name) === 'special')
    return `${name}: the answers of its nodes cannot be combined: use executeOn without merge`;
  if (requestPolicyOf(name) === 'multi_shard')
    return `${name}: its keys choose the nodes: use executeRequest with splitMultiKey`;
  return null;
}

/** The error text for a command that cannot be sent as a request. */
export function requestRefusal(info: CommandInfo): string {
  if ((info.flags & SUBSCRIBE_FAMILY) !== 0) {
    return `${info.name} is answered by messages, not by a reply: use executePubsub() or sendCommand()`;
  }
  return `${info.name} changes which commands are answered: use the option noreply, or sendCommand()`;
}

function advice(info: CommandInfo): string {
  if ((info.flags & SUBSCRIBE_FAMILY) !== 0) return 'use executePubsub()';
  return ADVICE[info.name] ?? ON_A_LEASE;
}
