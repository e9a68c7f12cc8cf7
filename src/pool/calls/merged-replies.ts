import { mergeRefusal } from '../../commands/refusals.ts';
import { responsePolicyOf } from '../../commands/command-tips.ts';
import { RedisClusterError, RedisError } from '../../errors/errors.ts';
import { mapOfText, ReplyMap, ReplySet, setOfText, textOfCollection } from '../../resp/reply-map.ts';
import type { Reply } from '../../resp/types.ts';

type Join = (one: number | bigint, other: number | bigint) => number | bigint | boolean;

const JOINS: Readonly<Record<string, Join>> = {
  agg_sum: sum,
  agg_min: least,
  agg_max: (one, other) => (least(one, other) === one ? other : one),
  agg_logical_and: (one, other) => isTrue(one) && isTrue(other),
  agg_logical_or: (one, other) => isTrue(one) || isTrue(other),
};

/** The response policy of a command's tips; null to concatenate the replies. */
type Policy = string | null;

/** The policy of a command. Throws before anything is sent if its replies cannot be merged. */
export function mergePolicy(name: string): Policy {
  const refused = mergeRefusal(name);
  if (refused !== null) throw new TypeError(refused);
  const policy = responsePolicyOf(name);
  const known = policy === null || policy.endsWith('_succeeded') || Object.hasOwn(JOINS, policy);
  if (known) return policy;
  throw new TypeError(`${name}: unknown response policy ${policy.slice(0, 64)}`);
}

/** Merges the replies of several nodes into one. Throws a node's error unless the policy ignores it. */
export function mergeReplies(name: string, policy: Policy, replies: readonly (Reply | RedisError)[]): Reply {
  if (replies.length === 0) throw new RedisClusterError(`${name}: there is no such node`, { command: name });
  const error = replies.find((reply) => reply instanceof RedisError);
  if (policy === 'one_succeeded') {
    const success = replies.find((reply) => !(reply instanceof RedisError));
    if (success === undefined) throw error;
    return success;
  }
  if (error !== undefined) throw error;
  const [first = null, ...others] = replies;
  if (policy === 'all_succeeded') return first;
  if (policy === null) return together(replies);
  const join = JOINS[policy] as Join;
  return others.reduce<Reply>((one, other) => joined(name, join, one, other), first);
}

/** Joins two numbers, or two lists of equal length item by item. */
function joined(name: string, join: Join, one: Reply, other: Reply): Reply {
  if (Array.isArray(one) && Array.isArray(other) && one.length === other.length)
    return one.map((item, index) => joined(name, join, item, other[index]!));
  const [a, b] = [numberOf(one), numberOf(other)];
  if (a === null || b === null) throw new TypeError(`${name}: the replies to merge are not numbers`);
  const both = join(a, b);
  // Keep the servers' form of truth values: true and false, or 1 and 0.
  return typeof one === 'boolean' ? isTrue(Number(both)) : typeof both === 'boolean' ? Number(both) : both;
}

function numberOf(reply: Reply): number | bigint | null {
  if (typeof reply === 'boolean') return reply ? 1 : 0;
  return typeof reply === 'number' || typeof reply === 'bigint' ? reply : null;
}

function isTrue(value: number | bigint): boolean {
  return value !== 0 && value !== 0n;
}

/** The lesser one, without conversion: `Math.min` takes no bigint. */
function least(one: number | bigint, other: number | bigint): number | bigint {
  if (one > other) return other;
  return one;
}

/** The exact sum, as a bigint if it is not a safe integer. */
function sum(one: number | bigint, other: number | bigint): number | bigint {
  if (typeof one === 'number' && typeof other === 'number') {
    const both = one + other;
    if (Number.isSafeInteger(both) || !Number.isInteger(one) || !Number.isInteger(other)) return both;
  }
  const exact = BigInt(one) + BigInt(other);
  const short = Number(exact);
  return Number.isSafeInteger(short) ? short : exact;
}

/** Concatenates the elements of all replies; their order means nothing. */
function together(replies: readonly Reply[]): Reply {
  if (replies.every((reply) => reply instanceof ReplyMap)) {
    const map = mapOfText(textOfCollection(replies[0] as ReplyMap));
    for (const reply of replies) for (const [key, value] of reply as ReplyMap) map.set(key, value);
    return map;
  }
  if (replies.every((reply) => reply instanceof ReplySet)) {
    const set = setOfText(textOfCollection(replies[0] as ReplySet));
    for (const reply of replies) for (const member of reply as ReplySet) set.add(member);
    return set;
  }
  return replies.flatMap((reply) => reply);
}
