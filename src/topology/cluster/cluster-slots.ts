import { isIP } from 'node:net';
import { RedisClusterError } from '../../errors/errors.ts';
import type { Reply } from '../../resp/types.ts';
import { addressKey, ClusterNodeLocation, keyOf, type TCPLocation } from '../../transport/location.ts';
import { announcedHost, fieldsOf, hostOf, integerOf, portOf, textOf } from '../reply-fields.ts';
import { AddressRefusedError, type ResolveAddress } from './address-map.ts';
import { SLOT_COUNT } from '../../commands/key-slot.ts';
import { MAX_NODES, type RefusedRange, type Shard, SlotMap, type SlotRange } from './slot-map.ts';

interface Node {
  readonly key: string;
  readonly location: TCPLocation;
  readonly nodeId: string;
  readonly hostname: string | null;
  readonly zone: string | null;
  primary: boolean;
}
interface Row {
  readonly start: number;
  readonly end: number;
  readonly primary: Node | null;
  /** Why it has no primary, where `addressMap` says so. */
  readonly refusal: AddressRefusedError | null;
  readonly replicas: readonly Node[];
}

function refuse(why: string): never {
  throw new RedisClusterError(`CLUSTER SLOTS answer refused: ${why}`);
}

class AnnouncedNodes {
  readonly nodes = new Map<string, Node>();
  /** What `addressMap` said of the node that was looked at last. */
  refusal: AddressRefusedError | null = null;
  readonly #announced = new Map<string, Node>();
  readonly #asked: TCPLocation;
  readonly #resolve: ResolveAddress;

  constructor(asked: TCPLocation, resolve: ResolveAddress) {
    this.#asked = asked;
    this.#resolve = resolve;
  }

  /** The node of an entry `[host, port, id, metadata]`; null if its address cannot be dialled. */
  find(entry: Reply | undefined, primary: boolean): Node | null {
    this.refusal = null;
    if (!Array.isArray(entry)) return refuse('a node is no array');
    const endpoint = entry[0];
    if (endpoint !== null && textOf(endpoint) === null) return refuse('a host is no text');
    const announced = textOf(endpoint);
    const host = announcedHost(announced, this.#asked.host);
    const port = portOf(entry[1]);
    if (host === null || port === null) return null;
    const key = addressKey(host, port);
    const named = host === hostOf(announced);
    try {
      const node = this.#announced.get(key) ?? this.#add(host, port, entry, named);
      if (primary) node.primary = true;
      return node;
    } catch (error) {
      if (!(error instanceof AddressRefusedError)) throw error;
      this.refusal = error;
      return null;
    }
  }

  #add(host: string, port: number, entry: readonly Reply[], named: boolean): Node {
    if (this.#announced.size >= MAX_NODES) refuse(`more than ${MAX_NODES} nodes`);
    const location = this.#resolve(host, port, named ? undefined : this.#asked);
    const key = keyOf(location);
    let node = this.nodes.get(key);
    if (node === undefined) {
      const nodeId = textOf(entry[2]) ?? '';
      const own = named && isIP(host) === 0 ? host : null;
      const told = fieldsOf(entry[3]);
      const hostname = hostOf(textOf(told?.get('hostname'))) ?? own;
      const zone = zoneIn(told);
      node = { key, location, nodeId: nodeId.slice(0, 64), hostname, zone, primary: false };
      this.nodes.set(key, node);
    }
    this.#announced.set(addressKey(host, port), node);
    return node;
  }
}

/** The availability zone in the metadata of a node, or null. */
function zoneIn(fields: ReadonlyMap<string, Reply> | null): string | null {
  const zone = textOf(fields?.get('availability-zone') ?? fields?.get('availability_zone'));
  return zone === null || zone === '' ? null : zone.slice(0, 256);
}

function slotOf(value: Reply | undefined): number {
  const slot = integerOf(value);
  if (slot === null || slot < 0 || slot >= SLOT_COUNT) return refuse('a slot is outside 0..16383');
  return slot;
}

function readRow(entry: Reply, announced: AnnouncedNodes): Row {
  if (!Array.isArray(entry) || entry.length < 2) return refuse('a range is no array');
  const start = slotOf(entry[0]);
  const end = slotOf(entry[1]);
  if (end < start) return refuse('a range ends before it starts');
  if (entry.length > MAX_NODES + 2) return refuse(`more than ${MAX_NODES} nodes`);
  const primary = entry.length > 2 ? announced.find(entry[2], true) : null;
  const { refusal } = announced;
  const replicas: Node[] = [];
  for (let index = 3; index < entry.length; index++) {
    const node = announced.find(entry[index], false);
    if (node !== null) replicas.push(node);
  }
  return { start, end, primary, refusal, replicas };
}

/** The location of a node: the previous object if nothing changed, so that it can be a map key. */
function locationOf(node: Node, before: SlotMap | undefined): ClusterNodeLocation {
  const { host, port } = node.location;
  const serverType = node.primary ? 'primary' : 'replica';
  const old = before?.nodeAt(host, port);
  const { nodeId, hostname, zone } = node;
  const same = old?.nodeId === nodeId && old.serverType === serverType && old.hostname === hostname;
  if (same && old.zone === zone) return old;
  return new ClusterNodeLocation(host, port, { nodeId, serverType, hostname, zone });
}

/**
 * Parses the answer to `CLUSTER SLOTS`. Entries whose address cannot be dialled are left out; if it is a primary, its
 * slots have no owner.
 * @throws RedisClusterError if the answer is malformed.
 */
export function parseClusterSlots(
  reply: Reply,
  asked: TCPLocation,
  resolve: ResolveAddress,
  before?: SlotMap,
): SlotMap {
  if (!Array.isArray(reply)) return refuse('no array');
  if (reply.length > SLOT_COUNT) return refuse(`more than ${SLOT_COUNT} ranges`);
  const announced = new AnnouncedNodes(asked, resolve);
  const rows = reply.map((entry) => readRow(entry, announced));
  const locations = new Map(
    [...announced.nodes.values()].map((node) => [node.key, locationOf(node, before)]),
  );
  const groups = new Map<
    string,
    { index: number; primary: ClusterNodeLocation; replicas: Set<ClusterNodeLocation> }
  >();
  const ranges: SlotRange[] = [];
  const refused: RefusedRange[] = [];
  for (const { start, end, primary, refusal, replicas } of rows) {
    if (primary === null) {
      if (refusal !== null) refused.push({ start, end, error: refusal });
      continue;
    }
    let group = groups.get(primary.key);
    if (group === undefined) {
      group = { index: groups.size, primary: locations.get(primary.key)!, replicas: new Set() };
      groups.set(primary.key, group);
    }
    // A node that owns slots itself is no replica of another shard.
    for (const node of replicas) if (!node.primary) group.replicas.add(locations.get(node.key)!);
    ranges.push({ start, end, shard: group.index });
  }
  const shards: Shard[] = [...groups.values()].map(({ primary, replicas }) => ({
    primary,
    replicas: [...replicas],
  }));
  return SlotMap.of(shards, ranges, refused);
}

/** Parses `CLUSTER SHARDS`: the ids of the nodes that are not `online`, so failed or loading. */
export function parseUnready(reply: Reply): Set<string> {
  const unready = new Set<string>();
  if (!Array.isArray(reply) || reply.length > MAX_NODES) return unready;
  for (const shard of reply) {
    const nodes = fieldsOf(shard)?.get('nodes');
    if (!Array.isArray(nodes)) continue;
    for (const entry of nodes.slice(0, MAX_NODES)) {
      const node = fieldsOf(entry);
      const id = textOf(node?.get('id'));
      const health = textOf(node?.get('health'));
      if (id !== null && health !== null && health !== 'online' && unready.size < MAX_NODES) unready.add(id);
    }
  }
  return unready;
}
