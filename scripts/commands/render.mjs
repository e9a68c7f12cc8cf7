// Writes the generated files of src/commands, and the list of words that servers use in errors.
import { readFileSync } from 'node:fs';
import { argumentsType } from './arguments.mjs';
import { readReplies, typeText } from './replies.mjs';

const HEAD = '// Written by scripts/generate-commands.mjs; do not edit.\n';
const WIDTH = 110;

/** The generated files: text by path from the root. */
export function generatedFiles(facts) {
  return new Map([
    ['src/commands/command-data.ts', commandData(facts)],
    ['src/commands/generated/tips.ts', commandTips(facts)],
    ['src/connection/redaction/word-list.ts', wordList()],
    ...typeFiles(facts),
  ]);
}

// ---- words ----

/** Each word as a capital (how many letters it shares with the previous word; A: none) and its other letters. */
function wordList() {
  const words = readFileSync(new URL('./server-words.txt', import.meta.url), 'utf8')
    .trim()
    .split(/\s+/)
    .sort();
  let before = '';
  let lines = '';
  let width = 0;
  for (const word of words) {
    let shared = 0;
    while (shared < 25 && shared < before.length && word[shared] === before[shared]) shared++;
    const piece = String.fromCharCode(65 + shared) + word.slice(shared);
    if (width + piece.length > 108) {
      lines += '\n';
      width = 0;
    }
    lines += piece;
    width += piece.length;
    before = word;
  }
  return `${HEAD}
/**
 * Words that servers use in errors of their own: they tell nothing of an argument. From the texts of Redis and Valkey, in
 * scripts/commands/server-words.txt. A capital says how many letters of the word before stay: A for none.
 */
export const WORDS = \`
${lines}
\`;
`;
}

// ---- types ----

/** Several small groups share a file. */
const FILES = {
  strings: ['string', 'bitmap', 'hyperloglog'],
  keys: ['generic', 'transactions', 'pubsub', 'scripting'],
  collections: ['hash', 'list', 'set', 'array'],
  'sorted-sets': ['sorted-set', 'geo', 'stream', 'module'],
  servers: ['server', 'connection', 'cluster'],
  modules: ['json', 'search', 'suggestion', 'timeseries', 'bf', 'cf', 'cms', 'topk', 'tdigest'],
};

function typeFiles(facts) {
  const replies = readReplies();
  for (const name of replies.keys()) if (!facts.has(name)) throw new Error(`replies.txt: no command ${name}`);
  const files = new Map();
  for (const [file, groups] of Object.entries(FILES)) {
    const members = [...facts.values()].filter(
      ({ name, group, container }) => groups.includes(group) && (container !== true || replies.has(name)),
    );
    const name = `${pascal(file).replace(/s$/, '')}Commands`;
    const lines = members.map((fact) => member(fact, replies.get(fact.name))).join('\n');
    files.set(
      `src/commands/generated/${file}.ts`,
      `${HEAD}${imports(lines)}\nexport interface ${name}<Text> {\n${lines}\n}\n`,
    );
  }
  const known = Object.values(FILES).flat();
  const stray = [...facts.values()].find(({ group }) => !known.includes(group));
  if (stray !== undefined) throw new Error(`${stray.name}: the group ${stray.group} has no file`);
  return files;
}

function imports(text) {
  const types = ['RedisValue', 'Reply', 'Word'].filter((name) => new RegExp(`\\b${name}\\b`).test(text));
  const collections = ['ReplyMap', 'ReplySet'].filter((name) => text.includes(`${name}<`));
  return [
    ...(collections.length > 0
      ? [`import type { ${collections.join(', ')} } from '../../resp/reply-map.ts';\n`]
      : []),
    `import type { ${types.join(', ')} } from '../../resp/types.ts';\n`,
  ].join('');
}

function member(fact, replies) {
  const { tuple, fixed, numkeys } = argumentsType(fact.arguments, fact.arity < 0);
  const name = /^[A-Z]\w*$/.test(fact.name) ? fact.name : `'${fact.name}'`;
  const parts = [`args: ${tuple}`, `reply: ${replies === undefined ? 'Reply' : typeText(replies.reply)}`];
  if (replies !== undefined && replies.options.size > 0) {
    const options = [...replies.options].map(([option, type]) => `${option}: ${typeText(type)}`);
    parts.push(`options: { ${options.join('; ')} }`, numkeys < 0 ? `after: ${fixed}` : `keysAt: ${numkeys}`);
  }
  if (replies !== undefined && replies.atLeast.size > 0) {
    const [[count, type]] = replies.atLeast;
    parts.push(`from: ${count}`, `then: ${typeText(type)}`);
  }
  const short = `  ${name}: { ${parts.join('; ')} };`;
  if (short.length <= WIDTH) return short;
  return `  ${name}: {\n${parts.map((part) => `    ${part};\n`).join('')}  };`;
}

function pascal(text) {
  return text.replace(/(^|-)(\w)/g, (letters) => letters.at(-1).toUpperCase());
}

// ---- the table of the run time ----

function commandData(facts) {
  const groups = new Map();
  const sources = new Set();
  for (const fact of [...facts.values()].sort((a, b) => (pathOf(a) < pathOf(b) ? -1 : 1))) {
    sources.add(fact.from);
    // Documentation pages of modules do not list the keys: module-commands.ts does.
    if (FILES.modules.includes(fact.group)) continue;
    const access = fact.flags.includes('write') ? 'w' : fact.flags.includes('readonly') ? 'r' : '-';
    const text = [access + (fact.container === true ? 'c' : ''), ...fact.keys].join(' ');
    groups.set(text, [...(groups.get(text) ?? []), pathOf(fact)]);
  }
  const lines = [...groups.keys()].sort().map((text) => groupText(text, groups.get(text)));
  return `${HEAD}// From ${[...sources].sort().join(', ')}.

/** Groups of commands that share access (\`r\`, \`w\`, \`-\`; \`c\`: has subcommands) and key specs. */
export const SERVER_COMMANDS: readonly (readonly [traits: string, names: string])[] = [
${lines.join('\n')}
];
`;
}

function policyOf(tips) {
  const prefix = 'response_policy:';
  return tips.find((tip) => tip.startsWith(prefix))?.slice(prefix.length) ?? null;
}

/** The tips on sending a command to several nodes and on combining their answers. */
function commandTips(facts) {
  const groups = new Map();
  for (const fact of [...facts.values()].sort((a, b) => (pathOf(a) < pathOf(b) ? -1 : 1))) {
    if (fact.tips.length === 0) continue;
    const text = fact.tips.join(' ');
    groups.set(text, [...(groups.get(text) ?? []), pathOf(fact)]);
  }
  const lines = [...groups.keys()].sort().map((text) => groupText(text, groups.get(text)));
  const named = (fits) => {
    const names = [...facts.values()].filter(({ tips }) => fits(policyOf(tips))).map(({ name }) => name);
    return names
      .sort()
      .map((name) => `  | '${name}'`)
      .join('\n');
  };
  return `${HEAD}
/** Commands whose answers from several nodes become one of the same kind: a sum, the first one. */
export type MergedToOne =
${named((policy) => policy !== null && policy !== 'special')};

/** Commands whose answers from several nodes mean different things. */
export type NeverMerged =
${named((policy) => policy === 'special')};

/** Groups of commands with the same tips of the servers, such as \`request_policy:all_shards\`. */
export const COMMAND_TIPS: readonly (readonly [tips: string, names: string])[] = [
${lines.join('\n')}
];
`;
}

const pathOf = ({ name }) => name.replace(' ', '|');

function groupText(text, names) {
  const short = `  ['${text}', '${names.join(' ')}'],`;
  if (short.length <= WIDTH) return short;
  const lines = wrap(names)
    .map((line) => `    '${line}`)
    .join(" ' +\n  ");
  return `  [\n    '${text}',\n${lines}',\n  ],`;
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
