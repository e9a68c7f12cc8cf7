import { RedisError } from '../errors/errors.ts';
import type { Reply } from '../resp/types.ts';
import { replyErrorOf } from './errors.ts';

/** The form of the values in a reply. */
export interface Shape {
  /** Whether strings are text; otherwise bytes. */
  readonly text: boolean;
  /** Whether numbers are text. */
  readonly stringNumbers: boolean;
}

/** One of the four possible shapes, which are compared by identity. */
export function shapeOf(text: boolean, stringNumbers: boolean): Shape {
  if (text) return stringNumbers ? TEXT_NUMBERS : TEXT;
  return stringNumbers ? BYTES_NUMBERS : BYTES;
}
const TEXT: Shape = { text: true, stringNumbers: false };
const BYTES: Shape = { text: false, stringNumbers: false };
const TEXT_NUMBERS: Shape = { text: true, stringNumbers: true };
const BYTES_NUMBERS: Shape = { text: false, stringNumbers: true };

/** The option `decode` of a request; undefined uses the connection's default, lenient text. */
export function decodingOf({ text }: Shape): false | undefined {
  return text ? undefined : false;
}

/** Converts a reply of the core to ioredis' form: invalid UTF-8 with replacement characters, maps as objects. */
export function shaped(value: Reply, shape: Shape): unknown {
  switch (typeof value) {
    case 'string':
      return shape.text ? value : Buffer.from(value);
    case 'number':
    case 'bigint':
      return shape.stringNumbers ? String(value) : Number(value);
    case 'object':
      return value === null ? null : shapedObject(value, shape);
    default:
      return value;
  }
}

function shapedObject(
  value: Exclude<Reply, string | number | bigint | boolean | null>,
  shape: Shape,
): unknown {
  if (Buffer.isBuffer(value)) return shape.text ? value.toString() : value;
  if (Array.isArray(value)) return shapedList(value, shape);
  if (value instanceof Map) return objectOf(value, shape);
  if (value instanceof Set) return Array.from(value as Set<Reply>, (element) => shaped(element, shape));
  return value instanceof RedisError ? replyErrorOf(value) : value;
}

function shapedList(list: Reply[], shape: Shape): unknown[] {
  const target = list as unknown[];
  for (let at = 0; at < list.length; at++) {
    const element = list[at]!;
    // Strings that are wanted as text stay as they are.
    if (typeof element !== 'string' || !shape.text) target[at] = shaped(element, shape);
  }
  return target;
}

function objectOf(map: Map<Reply, Reply>, shape: Shape): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const [key, value] of map) put(object, String(key), shaped(value, shape));
  return object;
}

/** Sets a field of any name, `__proto__` included. */
export function put(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key in object) {
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
  } else object[key] = value;
}
