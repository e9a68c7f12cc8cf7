// npm run test:servers [-- redis-8.0 valkey-9.1 …] [--only=substring,…]: the tests that talk to servers, on each of them.
// Servers that are not here are fetched (scripts/fetch-servers.mjs). Ends with a table, and with 1 when one failed.
import { isMain } from './lib.mjs';
import { fetchServer, SERVER_NAMES } from './fetch-servers.mjs';
import { runQuietly, splitArguments, tableOf } from './matrix.mjs';

/** The whole of what depends on a server; unit tests do not. */
const PARTS = ['conformance/', 'integration/', 'test/servers/'];
const LIMIT = 1_200_000;

async function testOn(name, parts) {
  const server = await fetchServer(name);
  const started = Date.now();
  const command = [process.execPath, 'scripts/test.mjs', ...parts];
  const env = { RESPOOL_SERVER: server, RESPOOL_SERVER_ONLY: '1' };
  const { code, output } = await runQuietly(command, env, LIMIT);
  const count = (word) => [...output.matchAll(new RegExp(`^ℹ ${word} (\\d+)`, 'gm'))].at(-1)?.[1] ?? '?';
  const failed = [...new Set([...output.matchAll(/^test at (\S+)/gm)].map(([, at]) => at))];
  for (const at of failed) console.log(`  ${name}: ${at}`);
  // Of test/integration/command-facts: the commands that the tables do not know yet.
  const fresh = new Set(
    [...output.matchAll(/^\s*ℹ (\d+ commands, [1-9]\d* new.*)$/gm)].map(([, line]) => line),
  );
  for (const line of fresh) console.log(`  ${name}: ${line}`);
  return [
    name,
    count('pass'),
    count('fail'),
    code === 0 ? 'passed' : 'FAILED',
    `${Math.round((Date.now() - started) / 1_000)} s`,
  ];
}

if (isMain(import.meta.url)) {
  const { words, flags } = splitArguments(process.argv.slice(2));
  const unknown = words.filter((name) => !SERVER_NAMES.includes(name));
  if (unknown.length > 0) {
    console.error(`No such server: ${unknown.join(', ')}. There are: ${SERVER_NAMES.join(', ')}.`);
    process.exit(2);
  }
  const parts = flags.get('only')?.split(',') ?? PARTS;
  const rows = [];
  for (const name of words.length > 0 ? words : SERVER_NAMES) {
    console.log(`Testing on ${name} …`);
    rows.push(await testOn(name, parts));
  }
  console.log(`\n${tableOf(['server', 'tests passed', 'failed', 'result', 'time'], rows)}`);
  process.exitCode = rows.every((row) => row[3] === 'passed') ? 0 : 1;
}
