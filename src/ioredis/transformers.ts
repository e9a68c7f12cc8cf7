import { put } from './shapes.ts';

/** Context passed to a reply transformer with the reply. */
export interface ReplyTransformerContext {
  commandName: string;
  protocol: 2 | 3;
  replyMapping: 'legacy' | 'resp3';
}
/** The part of a context that is the same for all commands of a client. */
export type ReplyContext = Omit<ReplyTransformerContext, 'commandName'>;
export const DEFAULT_CONTEXT: ReplyContext = { protocol: 3, replyMapping: 'legacy' };

export function contextOf(options: {
  protocol?: 2 | 3 | undefined;
  replyMapping?: 'legacy' | 'resp3' | undefined;
}): ReplyContext {
  const { protocol = 3, replyMapping = 'legacy' } = options;
  return protocol === 3 && replyMapping === 'legacy' ? DEFAULT_CONTEXT : { protocol, replyMapping };
}

export type ArgumentTransformer = (args: unknown[]) => unknown[];
export type ReplyTransformer = (reply: unknown, context: ReplyTransformerContext) => unknown;

/** Transformers by lower-case command name; users may add more. */
export const argumentTransformers = new Map<string, ArgumentTransformer>();
export const replyTransformers = new Map<string, ReplyTransformer>();

/** The fields and values of an object or map in turn; null for other values. */
function fieldsOf(value: unknown): unknown[] | null {
  if (value instanceof Map) return [...value].flat();
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return null;
  return Object.entries(value).flat();
}

const spreadFirst: ArgumentTransformer = (args) => (args.length === 1 ? (fieldsOf(args[0]) ?? args) : args);
const spreadSecond: ArgumentTransformer = (args) => {
  const fields = args.length === 2 ? fieldsOf(args[1]) : null;
  return fields === null ? args : [args[0], ...fields];
};
for (const name of ['mset', 'msetnx']) argumentTransformers.set(name, spreadFirst);
for (const name of ['hset', 'hmset']) argumentTransformers.set(name, spreadSecond);

/** Converts `[field, value, …]` to an object. */
const toObject: ReplyTransformer = (reply) => {
  if (!Array.isArray(reply)) return reply;
  const object: Record<string, unknown> = {};
  for (let at = 0; at < reply.length; at += 2) put(object, String(reply[at]), reply[at + 1]);
  return object;
};

/** Flattens RESP3's pairs to members and scores in turn, as RESP2 returns them. */
const withoutPairs: ReplyTransformer = (reply, { replyMapping }) => {
  if (replyMapping === 'resp3' || !Array.isArray(reply)) return reply;
  return reply.some((element) => Array.isArray(element)) ? reply.flat() : reply;
};

/** Converts RESP3's map to pairs, as RESP2 returns them. */
const inPairs: ReplyTransformer = (reply, { replyMapping }) => {
  if (replyMapping === 'resp3' || !Array.isArray(reply) || Array.isArray(reply[0])) return reply;
  const pairs: unknown[] = [];
  for (let at = 0; at < reply.length; at += 2) pairs.push([reply[at], reply[at + 1]]);
  return pairs;
};

replyTransformers.set('hgetall', toObject);
for (const name of ['xread', 'xreadgroup']) replyTransformers.set(name, inPairs);
for (const name of [
  'hrandfield',
  'vsim',
  'zdiff',
  'zinter',
  'zpopmax',
  'zpopmin',
  'zrandmember',
  'zrange',
  'zrangebyscore',
  'zrevrange',
  'zrevrangebyscore',
  'zunion',
]) {
  replyTransformers.set(name, withoutPairs);
}
