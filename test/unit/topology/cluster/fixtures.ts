import type { Reply } from '../../../../src/resp/types.ts';
import { addressResolver } from '../../../../src/topology/cluster/address-map.ts';
import { parseClusterSlots } from '../../../../src/topology/cluster/cluster-slots.ts';
import type { SlotMap } from '../../../../src/topology/cluster/slot-map.ts';
import { TCPLocation } from '../../../../src/transport/location.ts';

export const asked = new TCPLocation('10.0.0.9', 7000);
export const same = addressResolver();

export function node(port: number, host = '10.0.0.1'): Reply {
  return [host, port, `id${port}`, []];
}

/** Three primaries 7000..7002 with a replica each, 7003..7005. */
export function threeShards(): Reply[] {
  return [
    [0, 5460, node(7000), node(7003)],
    [5461, 10922, node(7001), node(7004)],
    [10923, 16383, node(7002), node(7005)],
  ];
}

export function parse(reply: Reply, before?: SlotMap): SlotMap {
  return parseClusterSlots(reply, asked, same, before);
}

export function at(port: number, host = '10.0.0.1'): TCPLocation {
  return new TCPLocation(host, port);
}
