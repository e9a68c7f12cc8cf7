// npm run chaos -- [scenario …] [--seconds N] [--seed N] [--lanes N] [--rate N] [--pace N]: long runs with an oracle; ends with 1 when any is violated.
import { parseArgs } from 'node:util';
import { churn } from './scenarios/churn.ts';
import { clusterStage } from './scenarios/cluster.ts';
import { pubsubCache } from './scenarios/pubsub-cache.ts';
import { sentinelStage } from './scenarios/sentinel.ts';
import { singleStage } from './scenarios/single.ts';
import { wrongPeers } from './scenarios/wrong-peers.ts';
import { describeRun, runChaos, type Stage } from './support/run.ts';

interface Settings {
  readonly seed: number;
  readonly seconds: number;
  readonly lanes: number;
  readonly rate: number | undefined;
  readonly pace: number | undefined;
}
interface Outcome {
  readonly lines: string[];
  readonly violations: readonly string[];
}
type Scenario = (settings: Settings) => Promise<Outcome>;

/** Calls that a lane makes at once when the commands a second are given. */
const WIDTH = 24;

function staged(make: (options: { seed: number; brisk: boolean }) => Promise<Stage>): Scenario {
  return async ({ seed, seconds, lanes, rate, pace }) => {
    const stage = await make({ seed, brisk: rate !== undefined });
    try {
      const report = await runChaos(stage, {
        ...{ seed, seconds, lanes, rate, pace },
        width: pace === undefined ? 1 : WIDTH,
        log: (line) => console.log(line),
      });
      return { lines: describeRun(stage.name, seed, report), violations: report.violations };
    } finally {
      await stage.close();
    }
  };
}

/** With the seconds of a run that names none. */
const SCENARIOS: Readonly<Record<string, readonly [run: Scenario, seconds: number]>> = {
  single: [staged(singleStage), 300],
  cluster: [staged(clusterStage), 600],
  sentinel: [staged(sentinelStage), 600],
  'pubsub-cache': [pubsubCache, 300],
  churn: [churn, 300],
  // Ends when everything was wrong once, whatever the seconds.
  'wrong-peers': [wrongPeers, 120],
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string' },
    seed: { type: 'string' },
    lanes: { type: 'string' },
    rate: { type: 'string' },
    pace: { type: 'string' },
  },
});
const names = positionals.length > 0 ? positionals : Object.keys(SCENARIOS);
const unknown = names.filter((name) => !Object.hasOwn(SCENARIOS, name));
if (unknown.length > 0) {
  console.error(`No such scenario: ${unknown.join(', ')}. There are ${Object.keys(SCENARIOS).join(', ')}.`);
  process.exit(2);
}

const numberOf = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : Number(text);
const seed = Number(values.seed ?? Date.now() % 2 ** 31);
let failed = false;
for (const name of names) {
  const [run, usual] = SCENARIOS[name]!;
  const settings = {
    seed,
    seconds: Number(values.seconds ?? usual),
    lanes: Number(values.lanes ?? 24),
    rate: numberOf(values.rate),
    pace: numberOf(values.pace),
  };
  console.log(`── ${name}: ${settings.seconds} s, --seed ${seed}`);
  const { lines, violations } = await run(settings);
  console.log(lines.join('\n'));
  failed ||= violations.length > 0;
}
console.log(failed ? `chaos: FAILED (--seed ${seed})` : 'chaos: no violation');
process.exitCode = failed ? 1 : 0;
