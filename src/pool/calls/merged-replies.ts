import { RedisClusterError, RedisError, UnknownCommandError } from '../../errors/errors.ts';
import { ReplyMap, ReplySet } from '../../resp/reply-map.ts';
import type { Reply } from '../../resp/types.ts';

/** How the answers of several nodes are merged, as the server says in the tips of `COMMAND INFO`; null: it does not. */
type Policy = string | null;

const NUMBERS: Readonly<Record<string, (one: number, other: number) => number>> = {
  agg_sum: (one, other) => one + other,
  agg_min: Math.min,
  agg_max: Math.max,
  agg_logical_and: (one, other) => (one !== 0 && other !== 0 ? 1 : 0),
  agg_logical_or: (one, other) => (one !== 0 || other !== 0 ? 1 : 0),
};

/** The response policy in an answer to `COMMAND INFO`; throws for a command that the server does not know. */
export function policyIn(answer: Reply, name: string): Policy {
  const [entry] = Array.isArray(answer) ? answer : [];
  if (!Array.isArray(entry))
    throw new UnknownCommandError(`${name}: the server does not know how to merge it`, { command: name });
  const tips = entry[7];
  // A set in RESP3, a list in RESP2.
  const texts = Array.isArray(tips) || tips instanceof ReplySet ? [...tips].map(String) : [];
  const found = texts.find((tip) => tip.startsWith('response_policy:'));
  return found?.slice('response_policy:'.length) ?? null;
}

/** One answer in the place of those of several nodes; throws where a node's error counts, or where none can be made. */
export function mergeReplies(name: string, policy: Policy, replies: readonly (Reply | RedisError)[]): Reply {
  if (policy === 'special')
    throw new TypeError(`${name}: its answers mean different things, executeOn gives them without merge`);
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
  const join = NUMBERS[policy];
  if (join === undefined) throw new TypeError(`${name}: unknown response policy ${policy.slice(0, 64)}`);
  return others.reduce<Reply>((one, other) => joined(name, join, one, other), first);
}

/** Numbers, or lists of as many numbers. */
function joined(name: string, join: (one: number, other: number) => number, one: Reply, other: Reply): Reply {
  if (Array.isArray(one) && Array.isArray(other) && one.length === other.length)
    return one.map((item, index) => joined(name, join, item, other[index]!));
  const [a, b] = [numberOf(one), numberOf(other)];
  if (a === null || b === null) throw new TypeError(`${name}: its answers are no numbers to merge`);
  return join(a, b);
}

function numberOf(reply: Reply): number | null {
  if (typeof reply === 'boolean') return reply ? 1 : 0;
  return typeof reply === 'number' || typeof reply === 'bigint' ? Number(reply) : null;
}

/** Without a policy the elements stand one after the other, in no order. */
function together(replies: readonly Reply[]): Reply {
  if (replies.every((reply) => reply instanceof ReplyMap))
    return new ReplyMap(replies.flatMap((reply) => [...(reply as ReplyMap)]));
  if (replies.every((reply) => reply instanceof ReplySet))
    return new ReplySet(replies.flatMap((reply) => [...(reply as ReplySet)]));
  return replies.flatMap((reply) => reply);
}
