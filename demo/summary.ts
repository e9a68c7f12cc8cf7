import type { ConnectionPoolStatistics } from '../src/index.ts';
import { integer, plural, type Screen, seconds } from './screen.ts';
import type { Tally } from './tally.ts';

/** Failures, gauges and wrong answers; true when nothing is wrong. */
export function summary(
  screen: Screen,
  tally: Tally,
  pools: readonly ConnectionPoolStatistics[],
  facts: Readonly<Record<string, string>> = {},
): boolean {
  const sum = (
    name: 'activeConnections' | 'inUseConnections' | 'connectingConnections' | 'waiting',
  ): number => pools.reduce((total, gauges) => total + gauges[name], 0);
  const rest = sum('inUseConnections') === 0 && sum('connectingConnections') === 0 && sum('waiting') === 0;
  screen.title('Summary');
  screen.fact('operations', `${integer(tally.operations)} in ${seconds(performance.now() - tally.started)}`);
  for (const [label, value] of Object.entries(facts)) screen.fact(label, value);
  screen.fact(
    'failed calls',
    tally.failed === 0 ? 'none' : `${integer(tally.failed)}, each told to its caller`,
  );
  for (const [kind, count] of tally.failures) screen.fact('', `${integer(count)} × ${kind}`);
  if (tally.rewound > 0) {
    screen.fact(
      'lost by the servers',
      `${plural(tally.rewound, 'write')} that no replica had when the primary went`,
    );
  }
  screen.verdict(
    rest,
    'gauges at rest',
    `open ${sum('activeConnections')}, in use ${sum('inUseConnections')}, ` +
      `connecting ${sum('connectingConnections')}, waiting ${sum('waiting')}`,
  );
  for (const example of tally.examples) screen.line(`  ${screen.style('red', example)}`);
  screen.verdict(tally.wrong === 0, 'wrong answers', integer(tally.wrong));
  return rest && tally.wrong === 0;
}
