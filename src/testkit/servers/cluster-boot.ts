import { clusterInfo, replicationInfo, slotsView, type ClusterNode } from './cluster-node.ts';
import { poll } from './polling.ts';
import type { TestServer } from './test-server.ts';

const SLOTS = 16_384;

export interface ClusterShape {
  readonly primaries: number;
  readonly replicasPerPrimary: number;
}

/*
 * A primary stays 2 s in cluster_state:fail after its start, a replica does not. So with replicas:
 *
 *   nodes P..2P-1  get the slots          ─┐ CLUSTER FAILOVER TAKEOVER on 0..P-1 as soon as
 *   nodes 0..P-1   replicate them          ├ these see cluster_state:ok (0.3 s)
 *   nodes 2P..     wait                   ─┘ then they are the primaries; the rest replicates them
 */
export async function formCluster(nodes: readonly ClusterNode[], shape: ClusterShape): Promise<void> {
  const { primaries, replicasPerPrimary } = shape;
  const owners = replicasPerPrimary === 0 ? nodes : nodes.slice(primaries, 2 * primaries);
  await Promise.all(nodes.map((node, index) => node.command('CLUSTER', 'SET-CONFIG-EPOCH', index + 1)));
  await Promise.all(
    owners.map((node, index) => {
      const [first, last] = slotRange(index, primaries);
      return node.command('CLUSTER', 'ADDSLOTSRANGE', first, last);
    }),
  );
  await Promise.all(nodes.flatMap((node, index) => nodes.slice(index + 1).map((other) => meet(node, other))));
  if (replicasPerPrimary === 0) return;
  const successors = nodes.slice(0, primaries);
  await Promise.all(successors.map((node, index) => replicate(node, owners[index] as ClusterNode)));
  await Promise.all(
    successors.map((node) =>
      poll(`node ${node.port} joins the cluster`, 20_000, async () => {
        const info = await clusterInfo(node);
        // A node can take over only slots that it knows of, and needs a higher epoch than all it knows of.
        const knows =
          info.get('cluster_slots_assigned') === String(SLOTS) &&
          Number(info.get('cluster_current_epoch')) >= nodes.length;
        return knows && info.get('cluster_state') === 'ok' ? true : null;
      }),
    ),
  );
  await Promise.all(successors.map((node) => node.command('CLUSTER', 'FAILOVER', 'TAKEOVER')));
  const others = nodes.slice(2 * primaries);
  await Promise.all(others.map((node) => replicate(node, successors[node.index % primaries] as ClusterNode)));
}

function slotRange(index: number, primaries: number): [number, number] {
  return [Math.floor((index * SLOTS) / primaries), Math.floor(((index + 1) * SLOTS) / primaries) - 1];
}

export async function meet(node: TestServer, other: TestServer): Promise<void> {
  await node.command('CLUSTER', 'MEET', other.host, other.port);
}

/** Makes a node a replica. The node refuses until it has heard of its primary, so this tries again. */
export async function replicate(node: TestServer, primary: ClusterNode): Promise<void> {
  await poll(`node ${node.port} replicates ${primary.port}`, 20_000, () =>
    node.command('CLUSTER', 'REPLICATE', primary.id).then(() => true),
  );
}

interface View {
  readonly node: ClusterNode;
  readonly role: string;
  readonly text: string;
}

async function look(node: ClusterNode): Promise<View> {
  const info = await clusterInfo(node);
  if (info.get('cluster_state') !== 'ok')
    throw new Error(`${node.port}: cluster_state ${info.get('cluster_state')}`);
  if (info.get('cluster_slots_ok') !== String(SLOTS))
    throw new Error(`${node.port}: not all slots are served`);
  const replication = await replicationInfo(node);
  const role = replication.get('role') ?? '';
  if (role === 'slave' && replication.get('master_link_status') !== 'up') {
    throw new Error(`${node.port}: not in sync with its primary`);
  }
  return { node, role, text: await slotsView(node) };
}

function disagreement(one: View, other: View): string {
  const says = ({ node, text }: View, beside: View): string => {
    const own = text.split('\n').filter((line) => !beside.text.split('\n').includes(line));
    return `${node.port} says [${own.join('; ')}]`;
  };
  return `nodes do not agree about the slots: ${says(one, other)}, ${says(other, one)}`;
}

/** Checks that all slots are served, all links are up and all nodes agree; throws the first contradiction. */
export async function agree(nodes: readonly ClusterNode[]): Promise<true> {
  const views = await Promise.all(nodes.map(look));
  const [first] = views;
  for (const { node, role, text } of views) {
    if (first !== undefined && text !== first.text)
      throw new Error(disagreement(first, { node, role, text }));
    // A primary without slots is not in the layout.
    if (role === 'slave' && !text.includes(node.id))
      throw new Error(`${node.port} is not yet listed as replica`);
  }
  return true;
}
