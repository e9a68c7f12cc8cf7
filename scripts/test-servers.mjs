// npm run test:servers [-- redis-8.0 valkey-9.1 …] [--only=substring,…] [--write]: runs the tests that need a server on
// each of this machine's servers (scripts/ensure-servers.mjs) and on newer ones, which are fetched if needed
// (scripts/fetch-servers.mjs), and prints a table. The exit code is 1 if a file failed twice that is not in
// tools/deviations.json. `--write` puts the results into the README and the guide (scripts/matrix-block.mjs).
import { ensureServers } from './ensure-servers.mjs';
import { fetchServer, SERVER_NAMES, versionOf } from './fetch-servers.mjs';
import { writeResults } from './matrix-block.mjs';
import { compiledTests, NODE_TEST, resultTable, runFiles, splitArguments } from './matrix.mjs';

/** The folders of the tests that depend on the server; unit tests do not. */
const PARTS = ['conformance/', 'integration/', 'test/servers/'];
/** A line of test/integration/command-facts: the commands that are missing from the tables. */
const NEW_COMMANDS = /^\s*ℹ (\d+ commands, [1-9]\d* new.*)$/gm;

/** The servers of this machine, under names like those of the fetched ones: `redis-7.0`. */
async function ownServers() {
  const own = new Map();
  for (const [kind, path] of Object.entries(await ensureServers({ log: () => {} }))) {
    if (path === null) continue;
    const name = `${kind}-${(await versionOf(path)).split('.', 2).join('.')}`;
    if (!SERVER_NAMES.includes(name)) own.set(name, path);
  }
  return own;
}

async function testOn(name, server, chosen) {
  const env = {
    RESPOOL_SERVER: server,
    RESPOOL_SERVER_ONLY: '1',
    NODE_OPTIONS: '--unhandled-rejections=strict --enable-source-maps',
  };
  const started = Date.now();
  const command = (file) => [process.execPath, ...NODE_TEST, file];
  const result = await runFiles(name, chosen, { command, env, note: NEW_COMMANDS });
  const seconds = Math.round((Date.now() - started) / 1_000);
  return { name, version: await versionOf(server), ...result, seconds };
}

const { words, flags } = splitArguments(process.argv.slice(2));
const own = await ownServers();
const names = [...own.keys(), ...SERVER_NAMES];
const unknown = words.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  console.error(`No such server: ${unknown.join(', ')}. There are: ${names.join(', ')}.`);
  process.exit(2);
}
if (flags.has('write') && flags.has('only')) {
  console.error('--write needs the whole run: leave --only out.');
  process.exit(2);
}
const chosen = await compiledTests(flags.get('only')?.split(',') ?? PARTS);
const results = [];
for (const name of words.length > 0 ? words : names) {
  const server = own.get(name) ?? (await fetchServer(name));
  console.log(`Testing on ${name}: ${chosen.length} files …`);
  results.push(await testOn(name, server, chosen));
  if (flags.has('write')) writeResults('servers', results);
}
console.log(`\n${resultTable('server', results)}`);
process.exitCode = results.every(({ failed }) => failed.length === 0) ? 0 : 1;
