import type { Deadline } from '../base/deadline.ts';
import type { CommandInfo } from '../commands/command-info.ts';
import type { ConnectionNode } from '../node/connection-node.ts';
import type { SubscriptionKind } from '../pubsub/subscriptions/subscription-kinds.ts';
import type { RedisValue } from '../resp/types.ts';
import type { ReadFrom } from './reads/read-from.ts';

/** A command that looks for its node. `args` is only read before the first attempt is queued. */
export interface RoutedCall {
  readonly info: CommandInfo;
  /** Filled in by a topology that routes by keys; kept over repetitions. -1: none. */
  slot: number;
  /** The node of the last attempt. */
  node: ConnectionNode | null;
  /** The next attempt is to be preceded by `ASKING`. */
  asking: boolean;
  /** Redirects followed so far. */
  redirects: number;
  /** The connection that was asked last, for comparison only. */
  readonly host?: unknown;
  /** Where it reads, if it only reads; null: as the pool says. */
  readonly readFrom?: ReadFrom | null;
  /** A moment when all of it has to be over: waiting has an end. */
  readonly bounded: boolean;
}

/** One of the commands that a command is split into. */
export interface CommandPart {
  readonly args: readonly RedisValue[];
  /** The keys of this part, as positions among all keys of the command. */
  readonly positions: readonly number[];
}

/** The next step after a failed attempt that certainly was not executed. */
export type Next =
  /** The topology has new facts: route again, at once. */
  | { readonly kind: 'again' }
  /** A temporary failure: within a time limit wait and route again, without one follow the retry policy. */
  | { readonly kind: 'wait' }
  /** Wait `ms` milliseconds and route again. */
  | { readonly kind: 'pause'; readonly ms: number }
  /** Use this node instead of routing. */
  | { readonly kind: 'node'; readonly node: ConnectionNode; readonly asking: boolean }
  /** Reject with this error. */
  | { readonly kind: 'fail'; readonly error: Error };

/**
 * Knows the servers: picks a node, chooses the next step after a failure, and closes. A pool is a thin layer over one
 * topology: the pool loops, the topology only answers.
 */
export interface Topology {
  /** Name for error texts and telemetry. */
  readonly name: string;
  /** The node for a call if it is known this very moment. Throws the error to reject the call with. */
  route(call: RoutedCall, args: readonly RedisValue[] | null): ConnectionNode | null;
  /** As `route`, but looks up an unknown node. */
  resolve(call: RoutedCall, deadline: Deadline): Promise<ConnectionNode>;
  /** For leases that name no node, such as `tryLease`. */
  anyNode(): ConnectionNode | null;
  resolveAny(deadline: Deadline): Promise<ConnectionNode>;
  /**
   * The server said no, no node was found, or the connection was lost before the command was written; null: nothing
   * special is known. Not asked about anything else.
   */
  next(call: RoutedCall, error: Error): Next | null;
  /** Everything there is, for figures and for closing. */
  nodes(): Iterable<ConnectionNode>;
  /** Calls that wait for no node in particular. */
  readonly waiting?: number;
  /** Whether `COMMAND`-like knowledge of the topology forbids this command without a target. */
  refuse(info: CommandInfo): TypeError | null;
  /** For `splitMultiKey`: the commands, by node, that this one amounts to; null when it can go as it is. */
  split?(info: CommandInfo, args: readonly RedisValue[]): readonly CommandPart[] | null;
  open(deadline: Deadline): Promise<void>;
  /** Where a name is to be heard now; null while that is not known, and then `onChange` is called once it is. */
  subscriberNode(kind: SubscriptionKind, name: Buffer): ConnectionNode | null;
  /** The nodes that all have to hear a name whose messages are local to each (keyspace events); null for every other. */
  subscriberNodes?(kind: SubscriptionKind, name: Buffer): readonly ConnectionNode[] | null;
  /** Whether a name that is heard at that node may stay there, wherever else it would go. */
  subscriberStays?(node: ConnectionNode, kind: SubscriptionKind): boolean;
  /** Names of different groups never share a command: in a cluster the slot of a shard channel. */
  subscriberGroup(kind: SubscriptionKind, name: Buffer): number;
  /** Nodes refuse names that belong to others (`MOVED`); these are then looked for elsewhere. */
  readonly moves?: boolean;
  /** A subscriber of that node was lost, could not be made, or was refused: look again at who serves what. */
  subscriberFailed(node: ConnectionNode, error: Error): void;
  /** Set by the subscriber; called when names may belong elsewhere, or when a node is gone. */
  onChange: (() => void) | null;
  /** Background work stops; nodes are closed by the pool. */
  close(): void;
}
