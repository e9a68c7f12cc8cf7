/** RESP as text (latin1: one character is one byte) for scripted replies. */
function blob(kind: string, text: string): string {
  return `${kind}${text.length}\r\n${text}\r\n`;
}

function all(kind: string, items: readonly string[]): string {
  return `${kind}${items.length}\r\n${items.join('')}`;
}

/**
 * RESP text of a reply, or of a part of one.
 *
 * @example reply.array(reply.bulk('x'), reply.integer(1))
 */
export const reply = {
  ok: '+OK\r\n',
  null: '_\r\n',
  nullBulk: '$-1\r\n',
  nullArray: '*-1\r\n',
  simple: (text: string): string => `+${text}\r\n`,
  error: (text: string): string => `-${text}\r\n`,
  integer: (value: number | bigint): string => `:${value}\r\n`,
  double: (value: number | string): string => `,${value}\r\n`,
  boolean: (value: boolean): string => `#${value ? 't' : 'f'}\r\n`,
  bulk: (text: string | Uint8Array): string =>
    blob('$', typeof text === 'string' ? text : Buffer.from(text).toString('latin1')),
  /** Text in UTF-8. */
  text: (text: string): string => blob('$', Buffer.from(text).toString('latin1')),
  verbatim: (text: string): string => blob('=', `txt:${text}`),
  array: (...items: readonly string[]): string => all('*', items),
  set: (...items: readonly string[]): string => all('~', items),
  push: (...items: readonly string[]): string => all('>', items),
  map: (...pairs: readonly (readonly [string, string])[]): string =>
    `%${pairs.length}\r\n${pairs.flat().join('')}`,
} as const;
