import { isIP } from 'node:net';
import { isUint8Array } from 'node:util/types';
import type { Reply } from '../resp/types.ts';

/** The reply as text; null if it is not a string. */
export function textOf(value: Reply | undefined): string | null {
  if (typeof value === 'string') return value;
  return isUint8Array(value) ? Buffer.prototype.toString.call(value, 'utf8') : null;
}

/** The reply as an integer, from digits or a number; null if it is neither. */
export function integerOf(value: Reply | undefined): number | null {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : null;
  const text = textOf(value);
  if (text === null || !/^-?\d{1,15}$/.test(text)) return null;
  return Number(text);
}

/** The fields of a map, or of a flat array of names and values; null for any other reply. */
export function fieldsOf(value: Reply | undefined): ReadonlyMap<string, Reply> | null {
  const fields = new Map<string, Reply>();
  if (value instanceof Map) {
    for (const [name, field] of value) {
      const key = textOf(name);
      if (key !== null) fields.set(key, field);
    }
    return fields;
  }
  if (!Array.isArray(value)) return null;
  for (let index = 0; index + 1 < value.length; index += 2) {
    const key = textOf(value[index]);
    if (key !== null) fields.set(key, value[index + 1]!);
  }
  return fields;
}

/** The reply as a valid port, or null. */
export function portOf(value: Reply | undefined): number | null {
  const port = integerOf(value);
  return port !== null && port > 0 && port < 65_536 ? port : null;
}

const HOST_NAME = /^[\p{L}\p{N}_][\p{L}\p{N}._-]{0,252}$/u;

/** A valid host name or IP address without brackets, else null: no other text from a server may be dialled. */
export function hostOf(value: string | null): string | null {
  if (value === null || value.length > 255) return null;
  const host = value.startsWith('[') && value.endsWith(']') ? value.slice(1, -1) : value;
  return isIP(host) !== 0 || HOST_NAME.test(host) ? host : null;
}

/** The host that a node of a cluster announces; null, empty and `?` mean the host that was asked. Null if it is no valid host. */
export function announcedHost(value: string | null, asked: string): string | null {
  return value === null || value === '' || value === '?' ? asked : hostOf(value);
}
