import { clusterDemo } from './cluster.ts';
import { poolDemo } from './pool.ts';
import { pubsubDemo } from './pubsub.ts';
import { sentinelDemo } from './sentinel.ts';
import { Screen } from './screen.ts';
import type { Outcome } from './tally.ts';

const PARTS: Readonly<Record<string, (screen: Screen) => Promise<Outcome>>> = {
  pool: poolDemo,
  cluster: clusterDemo,
  sentinel: sentinelDemo,
  pubsub: pubsubDemo,
};

const [name = 'pool'] = process.argv.slice(2);
const part = Object.hasOwn(PARTS, name) ? PARTS[name] : undefined;
if (part === undefined) {
  console.error(`No such demo: ${name}. There are: ${Object.keys(PARTS).join(', ')}.`);
  process.exit(2);
}
const screen = new Screen();
try {
  const { good } = await part(screen);
  screen.line(
    good
      ? `\n${screen.style('green', 'All answers were right.')}`
      : `\n${screen.style('red', 'Something was wrong: see above.')}`,
  );
  process.exitCode = good ? 0 : 1;
} catch (error) {
  screen.line(
    `\n${screen.style('red', 'The demo failed:')} ${error instanceof Error ? error.stack : String(error)}`,
  );
  process.exitCode = 1;
}
