import type { Deadline } from '../base/deadline.ts';
import type { CommandInfo } from '../commands/command-info.ts';
import type { ConnectionNode } from '../node/connection-node.ts';
import type { SubscriptionKind } from '../pubsub/subscriptions/subscription-kinds.ts';
import type { RedisValue } from '../resp/types.ts';
import type { ReadFrom } from './reads/read-from.ts';

/** A command to be routed. A topology reads its arguments only before the first attempt is queued. */
export interface RoutedCall {
  readonly info: CommandInfo;
  /** The slot, set by a topology that routes by keys and kept over retries; -1: none. */
  slot: number;
  /** The node of the last attempt. */
  node: ConnectionNode | null;
  /** True: send `ASKING` before the next attempt. */
  asking: boolean;
  /** Redirects followed so far. */
  redirects: number;
  /** The connection of the last attempt, for comparison only. */
  readonly host?: unknown;
  /** Where a read-only command goes; null: the pool's setting. */
  readonly readFrom?: ReadFrom | null;
  /** True: the call has a deadline, so waiting ends. */
  readonly bounded: boolean;
}

/** One of the commands that a command is split into. */
export interface CommandPart {
  readonly args: readonly RedisValue[];
  /** Positions of this part's keys among all keys of the command. */
  readonly positions: readonly number[];
}

/** The next step after a failed attempt that was certainly not executed. */
export type Next =
  /** Route again at once, because the topology has learned something. */
  | { readonly kind: 'again' }
  /** A temporary failure: with a time limit wait and route again, without one follow the retry policy. */
  | { readonly kind: 'wait' }
  /** Wait `ms` milliseconds and route again. */
  | { readonly kind: 'pause'; readonly ms: number }
  /** Use this node instead of routing. */
  | { readonly kind: 'node'; readonly node: ConnectionNode; readonly asking: boolean }
  /** Reject with this error. */
  | { readonly kind: 'fail'; readonly error: Error };

/**
 * Knows the servers: picks the node of a call and the next step after a failure. It has no loop of its own; the pool's
 * retry loop asks it.
 */
export interface Topology {
  /** Name for error texts and telemetry. */
  readonly name: string;
  /** The node for a call if it is known now, else null. Throws the error to reject the call with. */
  route(call: RoutedCall, args: readonly RedisValue[] | null): ConnectionNode | null;
  /** Like `route`, but looks up an unknown node. */
  resolve(call: RoutedCall, deadline: Deadline): Promise<ConnectionNode>;
  /** Any node, for leases that name none; null if none is known. */
  anyNode(): ConnectionNode | null;
  resolveAny(deadline: Deadline): Promise<ConnectionNode>;
  /**
   * The next step after an error reply, after no node was found, or after a connection was lost before the command was
   * written; not called for other failures. Null: the topology has no special step.
   */
  next(call: RoutedCall, error: Error): Next | null;
  /** All nodes, including retired ones that still close. */
  nodes(): Iterable<ConnectionNode>;
  /** Number of calls that wait for the topology, not for a node. */
  readonly waiting?: number;
  /** The error for a command that this topology cannot route without an explicit node; null: it can. */
  refuse(info: CommandInfo): TypeError | null;
  /** For `splitMultiKey`: the parts, by slot, of a multi-key command; null if it need not or cannot be split. */
  split?(info: CommandInfo, args: readonly RedisValue[]): readonly CommandPart[] | null;
  open(deadline: Deadline): Promise<void>;
  /** The node to subscribe a name at; null while unknown, and `onChange` is called when it is known. */
  subscriberNode(kind: SubscriptionKind, name: Buffer): ConnectionNode | null;
  /** All nodes to subscribe a name at, if its messages are local to each node (keyspace events); else null. */
  subscriberNodes?(kind: SubscriptionKind, name: Buffer): readonly ConnectionNode[] | null;
  /** Whether a name subscribed at `node` may stay there although `subscriberNode` would now pick another. */
  subscriberStays?(node: ConnectionNode, kind: SubscriptionKind): boolean;
  /** Names of different groups never share a SUBSCRIBE command: in a cluster, the slot of a shard channel. */
  subscriberGroup(kind: SubscriptionKind, name: Buffer): number;
  /** True if nodes refuse names of other nodes (`MOVED`), so that a refused name is subscribed elsewhere. */
  readonly moves?: boolean;
  /** A subscriber of `node` was lost, could not be dialled, or was refused: look up again who serves its names. */
  subscriberFailed(node: ConnectionNode, error: Error): void;
  /** Set by the subscribers; called when names may belong to another node, or when a node is gone. */
  onChange: (() => void) | null;
  /** Stops background work; the pool closes the nodes. */
  close(): void;
}
