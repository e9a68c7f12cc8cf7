// Writes src/commands/command-data.ts from the COMMAND tables of running servers.
//   node scripts/generate-commands.mjs [host:]port …
// Later servers win where two disagree about a command; nothing that one of them knows is lost.
import { writeFileSync } from 'node:fs';
import net from 'node:net';

const target = new URL('../src/commands/command-data.ts', import.meta.url);

const addresses = process.argv.slice(2).map((text) => {
  const [port, host = '127.0.0.1'] = text.split(':').reverse();
  return { host, port: Number(port) };
});
if (addresses.length === 0 || addresses.some(({ port }) => !Number.isInteger(port))) {
  console.error('usage: node scripts/generate-commands.mjs [host:]port …');
  process.exit(2);
}

const commands = new Map();
const sources = [];
for (const address of addresses) {
  const [info, table] = await ask(address, ['INFO server', 'COMMAND']);
  const version = /valkey_version:(\S+)/.exec(info) ?? /redis_version:(\S+)/.exec(info);
  sources.push(`${info.includes('valkey_version') ? 'Valkey' : 'Redis'} ${version?.[1]}`);
  for (const command of table) collect(command);
}
writeFileSync(target, render());
console.log(`${commands.size} commands of ${sources.join(', ')}`);

function collect([name, , flags, , , , , , specs, subcommands]) {
  const key = name.toUpperCase();
  const access = flags.includes('write') ? 'w' : flags.includes('readonly') ? 'r' : '-';
  const text = specs.map(specText).filter((spec) => spec !== null);
  commands.set(key, [access + (subcommands.length > 0 ? 'c' : ''), ...text].join(' '));
  for (const subcommand of subcommands) collect(subcommand);
}

/** `1` | `1:last:step:limit` | `2#numkeys:first:step` | `WORD@from:last:step:limit`; see key-specs.ts. */
function specText(pairs) {
  const { begin_search: begin, find_keys: find } = record(pairs);
  const [search, keys] = [record(begin), record(find)];
  if (search.type === 'unknown' || keys.type === 'unknown') return null;
  const from = record(search.spec);
  const how = record(keys.spec);
  const start = search.type === 'index' ? String(from.index) : `${from.keyword}@${from.startfrom}`;
  if (keys.type === 'keynum') return `${start}#${how.keynumidx}:${how.firstkey}:${how.keystep}`;
  const range = [how.lastkey, how.keystep, how.limit];
  if (range[2] === 0) range.pop();
  return range.join(':') === '0:1' ? start : `${start}:${range.join(':')}`;
}

function record(pairs) {
  const result = {};
  for (let i = 0; i < pairs.length; i += 2) result[pairs[i]] = pairs[i + 1];
  return result;
}

function render() {
  const groups = new Map();
  for (const name of [...commands.keys()].sort()) {
    const text = commands.get(name);
    if (!groups.has(text)) groups.set(text, []);
    groups.get(text).push(name);
  }
  const lines = [...groups.keys()].sort().map((text) => {
    const short = `  ['${text}', '${groups.get(text).join(' ')}'],`;
    if (short.length <= 110) return short;
    const names = wrap(groups.get(text))
      .map((line) => `    '${line}`)
      .join(" ' +\n  ");
    return `  [\n    '${text}',\n${names}',\n  ],`;
  });
  return `// Written by scripts/generate-commands.mjs; do not edit.
// From ${sources.join(', ')}.

/** Groups of commands that share access (\`r\`, \`w\`, \`-\`; \`c\`: has subcommands) and key specs. */
export const SERVER_COMMANDS: readonly (readonly [traits: string, names: string])[] = [
${lines.join('\n')}
];
`;
}

function wrap(names) {
  const lines = [''];
  for (const name of names) {
    const last = lines[lines.length - 1];
    if (last === '') lines[lines.length - 1] = name;
    else if (last.length + name.length > 95) lines.push(name);
    else lines[lines.length - 1] = `${last} ${name}`;
  }
  return lines;
}

function ask({ host, port }, lines) {
  return new Promise((resolve, reject) => {
    const replies = [];
    let received = Buffer.alloc(0);
    const socket = net.connect(port, host, () => socket.write(lines.map((line) => `${line}\r\n`).join('')));
    socket.on('error', reject);
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      for (let parsed = parse(received, 0); parsed; parsed = parse(received, 0)) {
        replies.push(parsed.value);
        received = received.subarray(parsed.end);
        if (replies.length === lines.length) {
          socket.destroy();
          resolve(replies);
          return;
        }
      }
    });
  });
}

/** One RESP2 reply from `at`, or null while it is incomplete. */
function parse(bytes, at) {
  const newline = bytes.indexOf('\r\n', at);
  if (newline < 0) return null;
  const line = bytes.toString('latin1', at + 1, newline);
  let end = newline + 2;
  switch (String.fromCharCode(bytes[at])) {
    case '-':
      throw new Error(line);
    case ':':
      return { value: Number(line), end };
    case '$': {
      const length = Number(line);
      if (length < 0) return { value: null, end };
      if (bytes.length < end + length + 2) return null;
      return { value: bytes.toString('utf8', end, end + length), end: end + length + 2 };
    }
    case '*': {
      const value = [];
      for (let i = 0; i < Number(line); i++) {
        const item = parse(bytes, end);
        if (item === null) return null;
        value.push(item.value);
        end = item.end;
      }
      return { value, end };
    }
    default:
      return { value: line, end };
  }
}
