import { RedisError, ReplyMap, type Reply, ReplySet } from '../index.ts';
import { printable } from './terminal.ts';

/** Quotes a string so that it can be pasted; control characters and quotes are escaped. */
function quoted(value: string | Buffer): string {
  const text = typeof value === 'string' ? value : value.toString('latin1');
  const escaped = text.replace(/[\\"\x00-\x1f\x7f]|[\x80-\xff]/g, (char) => {
    if (typeof value === 'string' && char >= '\xa0') return char;
    const named = { '\\': '\\\\', '"': '\\"', '\n': '\\n', '\r': '\\r', '\t': '\\t' }[char];
    return named ?? `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
  return `"${escaped}"`;
}

/**
 * Formats a reply for people: numbered items, nested by indentation.
 * @example formatReply(['a', 1]) // '1) "a"\n2) (integer) 1'
 */
export function formatReply(reply: Reply, indent = ''): string {
  if (reply === null) return '(nil)';
  if (typeof reply === 'number' || typeof reply === 'bigint')
    return Number.isInteger(reply) || typeof reply === 'bigint' ? `(integer) ${reply}` : `(double) ${reply}`;
  if (typeof reply === 'boolean') return `(${reply})`;
  if (typeof reply === 'string') return reply === 'OK' ? reply : quoted(reply);
  if (Buffer.isBuffer(reply)) return quoted(reply);
  if (reply instanceof RedisError) return `(error) ${printable(reply.message)}`;
  if (reply instanceof ReplyMap) {
    const rows = [...reply].map(([key, value]) => ({ mark: `${formatReply(key, indent)} => `, value }));
    return listed(rows, indent, '(empty map)');
  }
  const items = reply instanceof ReplySet ? [...reply] : reply;
  const digits = String(items.length).length;
  const rows = items.map((value, index) => ({ mark: `${String(index + 1).padStart(digits)}) `, value }));
  return listed(rows, indent, reply instanceof ReplySet ? '(empty set)' : '(empty array)');
}

function listed(
  rows: readonly { readonly mark: string; readonly value: Reply }[],
  indent: string,
  empty: string,
): string {
  if (rows.length === 0) return empty;
  return rows
    .map(({ mark, value }) => mark + formatReply(value, indent + ' '.repeat(mark.length)))
    .join(`\n${indent}`);
}

/**
 * Converts a reply for JSON: maps with text keys become objects, bytes base64, big integers and the doubles that JSON lacks
 * (`inf`, `-inf`, `nan`) text.
 */
export function jsonOf(reply: Reply): unknown {
  if (typeof reply === 'bigint') return reply.toString();
  if (typeof reply === 'number' && !Number.isFinite(reply))
    return Number.isNaN(reply) ? 'nan' : reply > 0 ? 'inf' : '-inf';
  if (Buffer.isBuffer(reply)) return { base64: reply.toString('base64') };
  if (reply instanceof RedisError) return { error: reply.message, code: reply.code };
  if (reply instanceof ReplyMap) {
    const pairs = [...reply].map(([key, value]) => [jsonOf(key), jsonOf(value)] as const);
    const textual = pairs.every(([key]) => typeof key === 'string');
    return textual ? Object.fromEntries(pairs as [string, unknown][]) : pairs;
  }
  if (reply instanceof ReplySet) return [...reply].map(jsonOf);
  if (Array.isArray(reply)) return reply.map(jsonOf);
  return reply;
}
