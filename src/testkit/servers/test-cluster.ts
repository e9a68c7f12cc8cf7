import type { TCPLocation } from '../../transport/location.ts';
import { agree, meet, replicate } from './cluster-boot.ts';
import { parseNodes, replicationInfo, type ClusterNode, type NodeLine } from './cluster-node.ts';
import { allSettled, poll } from './polling.ts';
import { SlotMigration } from './slot-migration.ts';

/** Makes one more node of the same kind. */
export type NodeMaker = (index: number) => Promise<ClusterNode>;

const OK_TIMEOUT = 30_000;

/** A real cluster. At first `nodes[i]` is the primary of shard i, `nodes[primaries + i]` its replica. */
export class TestCluster {
  readonly nodes: ClusterNode[];
  readonly password: string | null;
  readonly #make: NodeMaker;
  #made: number;

  constructor(nodes: ClusterNode[], password: string | null, make: NodeMaker) {
    this.nodes = nodes;
    this.password = password;
    this.#make = make;
    this.#made = nodes.length;
  }

  /** The URL of the first node; a cluster client finds the others. */
  get url(): string {
    return this.nodes[0]?.url ?? '';
  }
  get locations(): TCPLocation[] {
    return this.nodes.map((node) => node.location);
  }
  get startupNodes(): TCPLocation[] {
    return this.locations;
  }
  get tls(): ClusterNode['tls'] {
    return this.nodes[0]?.tls ?? null;
  }
  get version(): string {
    return this.nodes[0]?.version ?? '';
  }
  get kind(): 'redis' | 'valkey' {
    return this.nodes[0]?.kind ?? 'redis';
  }

  /** Nodes that run and are not paused. */
  get reachable(): ClusterNode[] {
    return this.nodes.filter((node) => node.running && !node.paused);
  }

  /** `CLUSTER NODES` as the given node sees it, by default the first reachable one. */
  async view(from = this.#anyone()): Promise<NodeLine[]> {
    return parseNodes(String(await from.command('CLUSTER', 'NODES')));
  }

  /** Healthy primaries that own slots, in the order of the slots. */
  async primaries(): Promise<ClusterNode[]> {
    const lines = (await this.view()).filter(
      ({ role, healthy, slots }) => role === 'primary' && healthy && slots.length > 0,
    );
    lines.sort((a, b) => (a.slots[0]?.[0] ?? 0) - (b.slots[0]?.[0] ?? 0));
    return lines.map(({ id }) => this.node(id));
  }

  /** Healthy replicas, of one primary or of all. */
  async replicas(of?: ClusterNode): Promise<ClusterNode[]> {
    return (await this.view())
      .filter(
        ({ role, healthy, primaryId }) =>
          role === 'replica' && healthy && (of === undefined || primaryId === of.id),
      )
      .map(({ id }) => this.node(id));
  }

  async nodeForSlot(slot: number): Promise<ClusterNode> {
    const line = (await this.view()).find(
      ({ role, slots, healthy }) =>
        role === 'primary' && healthy && slots.some(([first, last]) => first <= slot && slot <= last),
    );
    if (line === undefined) throw new Error(`respool/testkit: no node serves slot ${slot}`);
    return this.node(line.id);
  }

  /** By the server's own reckoning. */
  async keySlot(key: string | Uint8Array): Promise<number> {
    return Number(await this.#anyone().command('CLUSTER', 'KEYSLOT', key));
  }

  node(id: string): ClusterNode {
    const node = this.nodes.find((one) => one.id === id);
    if (node === undefined) throw new Error(`respool/testkit: no node ${id} in this cluster`);
    return node;
  }

  /** The slot is `MIGRATING` and `IMPORTING` afterwards; what happens next is yours. */
  async beginMigration(slot: number, target: ClusterNode): Promise<SlotMigration> {
    const source = await this.nodeForSlot(slot);
    const primaries = (): Promise<ClusterNode[]> => this.primaries();
    return new SlotMigration(slot, source, target, this.password, primaries).begin();
  }

  /** With keys and ownership; `halfway` moves half of the keys and stops there. */
  async migrateSlot(
    slot: number,
    target: ClusterNode,
    options: { halfway?: boolean } = {},
  ): Promise<SlotMigration> {
    const migration = await this.beginMigration(slot, target);
    if (options.halfway === true) await migration.moveKeys(Math.floor((await migration.keysLeft()) / 2));
    else await migration.finish();
    return migration;
  }

  /**
   * Makes a replica of this primary (or of the slot's) the primary; resolves with it when all reachable nodes
   * know. A dead primary needs `force` (votes) or `takeover` (none).
   */
  async failover(of: ClusterNode | number, mode?: 'force' | 'takeover'): Promise<ClusterNode> {
    const primary = typeof of === 'number' ? await this.nodeForSlot(of) : of;
    const successor = (await this.replicas(primary)).find((node) => node.running && !node.paused);
    if (successor === undefined)
      throw new Error(`respool/testkit: ${primary.port} has no replica to take over`);
    await this.#promote(successor, mode);
    await poll(`all nodes know ${successor.port} as primary`, OK_TIMEOUT, async () => {
      const views = await Promise.all(this.reachable.map((node) => this.view(node)));
      return views.every((lines) =>
        lines.some(({ id, role, slots }) => id === successor.id && role === 'primary' && slots.length > 0),
      )
        ? true
        : null;
    });
    return successor;
  }

  /** SIGKILL; resolves with the dead node, at once: wait for its replica with `waitForNewPrimary`. */
  async killPrimary(slot: number): Promise<ClusterNode> {
    const primary = await this.nodeForSlot(slot);
    await primary.kill();
    return primary;
  }

  /** Until another node than this one serves the slot in the eyes of all reachable nodes. */
  waitForNewPrimary(slot: number, not: ClusterNode, timeout = OK_TIMEOUT): Promise<ClusterNode> {
    return poll(`slot ${slot} leaves ${not.port}`, timeout, async () => {
      const owners = await Promise.all(
        this.reachable.map(
          async (node) =>
            (await this.view(node)).find(({ slots }) =>
              slots.some(([first, last]) => first <= slot && slot <= last),
            )?.id,
        ),
      );
      const [owner] = owners;
      return owner !== undefined && owner !== not.id && owners.every((id) => id === owner)
        ? this.node(owner)
        : null;
    });
  }

  /** One more, empty primary or, with `replicaOf`, a replica that is in sync. */
  async addNode(options: { replicaOf?: ClusterNode } = {}): Promise<ClusterNode> {
    const others = this.reachable;
    const node = await this.#make(this.#made++);
    this.nodes.push(node);
    await Promise.all(others.map((other) => meet(node, other)));
    await poll(`${node.port} is known to all`, OK_TIMEOUT, async () => {
      const views = await Promise.all([...others, node].map((one) => this.view(one)));
      const all = views.every(
        (lines) =>
          lines.length >= others.length + 1 &&
          lines.every(({ healthy }) => healthy) &&
          lines.some(({ id }) => id === node.id),
      );
      return all ? true : null;
    });
    if (options.replicaOf !== undefined) {
      await replicate(node, options.replicaOf);
      await this.waitOk();
    }
    return node;
  }

  /** Forgotten by the others, stopped. A primary's slots are to be moved away before. */
  async removeNode(node: ClusterNode): Promise<void> {
    this.nodes.splice(this.nodes.indexOf(node), 1);
    await node.stop();
    await Promise.all(this.reachable.map((other) => other.command('CLUSTER', 'FORGET', node.id)));
  }

  /** Until all reachable nodes say ok, agree about every slot, and replicas are in sync. */
  async waitOk(timeout = OK_TIMEOUT): Promise<void> {
    await poll('the cluster is ok', timeout, () => agree(this.reachable));
  }

  async configSet(name: string, value: string | number): Promise<void> {
    await Promise.all(this.reachable.map((node) => node.configSet(name, value)));
  }

  async stop(): Promise<void> {
    await allSettled(this.nodes.map((node) => node.stop()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #promote(successor: ClusterNode, mode: 'force' | 'takeover' | undefined): Promise<void> {
    const command = ['CLUSTER', 'FAILOVER', ...(mode === undefined ? [] : [mode.toUpperCase()])];
    let next = 0;
    await poll(`${successor.port} takes over`, OK_TIMEOUT, async () => {
      if ((await replicationInfo(successor)).get('role') === 'master') return true;
      if (performance.now() < next) return null;
      // The server gives up a failover after 5 s.
      next = performance.now() + 5500;
      await successor.command(...command);
      return null;
    });
  }

  #anyone(): ClusterNode {
    const [node] = this.reachable;
    if (node === undefined) throw new Error('respool/testkit: no node of the cluster is reachable');
    return node;
  }
}
