// Reads the table of reply types: scripts/commands/replies.txt.
import { readFileSync } from 'node:fs';

const TABLE = new URL('./replies.txt', import.meta.url);

/**
 * @typedef {{ reply: string, options: Map<string, string>, atLeast: Map<number, string> }} Replies
 * @returns {Map<string, Replies>} by command
 */
export function readReplies() {
  const replies = new Map();
  const aliases = new Map();
  let latest;
  for (const line of readFileSync(TABLE, 'utf8').split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [, indent, name, text] =
      /^(\s*)(@\w+|\d+\+|[^\s[(<']+(?: [A-Z-]+(?=\s\s|\s[^|]*$))?)\s+(.+)$/.exec(line) ?? [];
    if (text === undefined) throw new SyntaxError(`replies.txt: ${line}`);
    const type = text.trim().replaceAll(/@\w+/g, (alias) => aliases.get(alias) ?? alias);
    if (name.startsWith('@')) aliases.set(name, type);
    else if (indent === '')
      replies.set(name, (latest = { reply: type, options: new Map(), atLeast: new Map() }));
    else if (name.endsWith('+')) latest.atLeast.set(Number.parseInt(name, 10), type);
    else latest.options.set(name, type);
  }
  return replies;
}

/** Writes a type of the table in TypeScript. */
export function typeText(type) {
  return type
    .replaceAll(/'(\w+)'/g, "Word<Text, '$1'>")
    .replaceAll(/\bOk\b/g, "Word<Text, 'OK'>")
    .replaceAll(/\bInteger\b/g, 'number | bigint')
    .replaceAll(/\(number \| bigint\)\[\]/g, '(number | bigint)[]')
    .replaceAll(/(?<![|(] )\bnumber \| bigint\[\]/g, '(number | bigint)[]')
    .replaceAll(/\bMap</g, 'ReplyMap<')
    .replaceAll(/\bSet</g, 'ReplySet<');
}
