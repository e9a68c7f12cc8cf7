// Generates the package's tables of commands.
//   node scripts/generate-commands.mjs                 from the committed facts and scripts/commands/replies.txt
//   node scripts/generate-commands.mjs --servers       first asks every available server (see fetch-servers.mjs)
//   node scripts/generate-commands.mjs --pages FOLDER  adds commands that no available server has, from a Git folder
//                                                      of Redis' documentation
// The facts are in scripts/commands/facts.jsonl, one command a line. If servers disagree, the newest Redis wins, then
// the newest Valkey; a fact that only one of them knows is kept.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { FACTS, factsOfPage, readFacts } from './commands/facts.mjs';
import { generatedFiles } from './commands/render.mjs';
import { askServer } from './commands/server.mjs';
import { ensureServers } from './ensure-servers.mjs';
import { fetchedServer, SERVER_NAMES } from './fetch-servers.mjs';
import { isMain } from './lib.mjs';

/** The names, versions and facts of all available servers. */
export async function askServers(log = console.log) {
  const own = Object.values(await ensureServers({ log: () => {} }));
  const fetched = await Promise.all(SERVER_NAMES.map(fetchedServer));
  const answers = [];
  for (const path of [...own, ...fetched].filter((found) => found !== null)) {
    const answer = await askServer(path);
    log(`${answer.name}: ${answer.facts.size} commands`);
    answers.push(answer);
  }
  return answers.sort((a, b) => rank(a.name) - rank(b.name));
}

/** The order of the servers: facts of a later one replace those of an earlier one. */
function rank(name) {
  const [kind, version = ''] = name.split(' ');
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  return (kind === 'Redis' ? 1e9 : 0) + major * 1e6 + minor * 1e3 + patch;
}

async function readPages(folder) {
  const { parse } = await import('yaml');
  const git = (...args) =>
    execFileSync('git', ['-C', folder, ...args], { encoding: 'utf8', maxBuffer: 1 << 28 });
  const pages = git('ls-tree', '-r', '--name-only', 'HEAD', 'content/commands').trim().split('\n');
  const facts = new Map();
  for (const path of pages.filter((name) => name.endsWith('.md'))) {
    const [, matter] = git('show', `HEAD:${path}`).split(/^---$/m);
    const fact = matter === undefined ? null : factsOfPage(parse(matter), 'documentation');
    if (fact !== null) facts.set(fact.name, fact);
  }
  const containers = new Set([...facts.keys()].map((name) => name.split(' ')[0]));
  for (const name of containers) {
    const inner = [...facts.keys()].some((other) => other.startsWith(`${name} `));
    if (inner && facts.has(name)) facts.set(name, { ...facts.get(name), container: true, arguments: [] });
  }
  return facts;
}

export function writeFacts(facts) {
  const names = [...facts.keys()].sort();
  writeFileSync(FACTS, names.map((name) => `${JSON.stringify(facts.get(name))}\n`).join(''));
}

async function main() {
  const [mode, folder] = process.argv.slice(2);
  const facts = readFacts();
  if (mode === '--servers') {
    for (const answer of await askServers()) for (const [name, fact] of answer.facts) facts.set(name, fact);
    writeFacts(facts);
  } else if (mode === '--pages' && folder !== undefined) {
    for (const [name, fact] of await readPages(folder)) {
      if (!facts.has(name) || facts.get(name).from === fact.from) facts.set(name, fact);
    }
    writeFacts(facts);
  } else if (mode !== undefined) {
    console.error('usage: node scripts/generate-commands.mjs [--servers | --pages FOLDER]');
    process.exit(2);
  }
  for (const [path, text] of generatedFiles(facts)) {
    const target = new URL(`../${path}`, import.meta.url);
    writeFileSync(target, text);
    console.log(`${path}: ${readFileSync(target, 'utf8').split('\n').length - 1} lines`);
  }
}

if (isMain(import.meta.url)) await main();
