import { connect } from 'node:net';
import { once } from 'node:events';
import { ConnectionPool } from '../../index.ts';
import { shardsOf } from '../commands/cluster.ts';
import { poolOptions, type Target } from '../target.ts';
import { integer } from '../terminal.ts';
import { Fatal, type Finding, good, wrong } from './finding.ts';

const SLOTS = 16_384;

/** Whether a TCP connection can be made. */
async function reachable(host: string, port: number, timeout: number): Promise<boolean> {
  const socket = connect({ host, port });
  socket.setTimeout(timeout, () => socket.destroy(new Error('no answer')));
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Checks the layout that a node reports, and whether its addresses can be reached from here. */
export async function* cluster(target: Target, signal: AbortSignal): AsyncGenerator<Finding> {
  await using pool = ConnectionPool.fromUrl(target.url, { ...poolOptions(target), decodeResponses: true });
  const { timeout } = target;
  const reply = await pool.executeRequest('CLUSTER', ['SHARDS'], { timeout, signal, raiseExceptions: false });
  if (reply instanceof Error)
    throw new Fatal(
      wrong(
        'cluster',
        `The server tells no layout: ${reply.message}`,
        'Leave out --cluster, or name a node of the cluster.',
      ),
    );
  const shards = shardsOf(reply);
  const nodes = shards.flatMap((shard) => shard.nodes);
  const served = shards
    .filter((shard) => shard.nodes.some(({ isPrimary, health }) => isPrimary && health === 'online'))
    .flatMap((shard) => shard.slots)
    .reduce((sum, [first, last]) => sum + last - first + 1, 0);
  if (served < SLOTS)
    yield wrong(
      'cluster',
      `${integer(SLOTS - served)} slots are not served.`,
      'Run `respool cluster` to see which; assign them or start their nodes.',
    );
  else yield good('cluster', `${shards.length} shards serve all ${integer(SLOTS)} slots.`);
  const checks = nodes.map(async ({ address }) => {
    const colon = address.lastIndexOf(':');
    return {
      address,
      ok: await reachable(address.slice(0, colon), Number(address.slice(colon + 1)), timeout),
    };
  });
  const lost = (await Promise.all(checks)).filter(({ ok }) => !ok).map(({ address }) => address);
  if (lost.length > 0)
    yield wrong(
      'addresses',
      `The cluster announces addresses that cannot be reached from here: ${lost.join(', ')}.`,
      'Behind NAT or in containers: set cluster-announce-ip/-hostname/-port, or the addressMap option.',
    );
  else yield good('addresses', `All ${nodes.length} announced addresses accept connections.`);
}
