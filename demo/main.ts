import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RedisError } from '../src/index.ts';
import { clusterDemo } from './cluster.ts';
import { poolDemo } from './pool.ts';
import { pubsubDemo } from './pubsub.ts';
import { Screen } from './screen.ts';
import { sentinelDemo } from './sentinel.ts';
import type { Outcome } from './tally.ts';
import { LivePage } from './web/live-page.ts';

const PARTS: Readonly<Record<string, (screen: Screen) => Promise<Outcome>>> = {
  pool: poolDemo,
  cluster: clusterDemo,
  sentinel: sentinelDemo,
  pubsub: pubsubDemo,
};

const args = process.argv.slice(2);
const [name = 'pool'] = args.filter((arg) => !arg.startsWith('--'));
/** The compiled demo lies two folders below the project. */
const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const part = Object.hasOwn(PARTS, name) ? PARTS[name] : undefined;
if (part === undefined) {
  console.error(`No such demo: ${name}. There are: ${Object.keys(PARTS).join(', ')}.`);
  process.exit(2);
}
const screen = new Screen();
const page = args.includes('--web') ? await LivePage.start(ROOT) : null;
if (page !== null) screen.line(`The live page: ${page.url}`);
try {
  const { good, remember = [] } = await part(screen);
  const [colour, verdict] = good
    ? (['green', 'All answers were right.'] as const)
    : (['red', 'Something was wrong: see above.'] as const);
  screen.line(`\n${screen.style(colour, verdict)}`);
  if (good) for (const sentence of remember) screen.line(`  ${screen.style('bold', sentence)}`);
  process.exitCode = good ? 0 : 1;
} catch (error) {
  screen.line(`\n${screen.style('red', 'The demo failed.')} ${explain(error)}`);
  process.exitCode = 1;
}

if (page !== null) {
  if (screen.live) {
    screen.line('The page stays until Ctrl-C.');
    await new Promise((resolve) => process.once('SIGINT', resolve));
  }
  await page[Symbol.asyncDispose]();
}

/** What a user can mend needs no stack. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const expected = error instanceof RedisError || error.message.startsWith('respool');
  return expected ? error.message : String(error.stack);
}
