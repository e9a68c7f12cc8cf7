import { number, rate, table } from '../report.mjs';
import { interleave, median, medians, withRunners } from '../runner.mjs';

/** Loads as shares of each client's own limit. */
const SHARES = [0.25, 0.5, 0.75, 0.9];
/** A load that is the same for every client, in calls per second. */
const FIXED = 20_000;
const IN_FLIGHT = 256;

/**
 * Runs each client at its limit and at a fixed load before anything counts. If V8 compiles during a measurement, it
 * adds latencies of several ms, and the functions that run once per write become hot late.
 */
async function warmUp(runners, seconds) {
  for (const runner of runners) {
    await runner.ask({ type: 'most', inFlight: IN_FLIGHT, seconds });
    await runner.ask({ type: 'latency', rate: FIXED, seconds });
  }
}

async function levels(runners, { rounds, seconds, say }) {
  const most = await interleave(runners, { rounds: 5 }, (runner) =>
    runner.ask({ type: 'most', inFlight: IN_FLIGHT, seconds }),
  );
  const limits = most.map((one) => median(one.map(({ rate: made }) => made)));
  const result = [];
  for (const share of [null, ...SHARES]) {
    say(share === null ? `at ${FIXED} per s` : `at ${share * 100} % of the limit`);
    const loads = limits.map((limit) => (share === null ? FIXED : Math.round(limit * share)));
    const measured = await interleave(runners, { rounds, settling: 2 }, (runner, index) =>
      runner.ask({ type: 'latency', rate: loads[index], seconds }),
    );
    for (const [index, { client }] of runners.entries()) {
      result.push({
        id: client.id,
        title: client.title,
        share,
        limit: limits[index],
        load: loads[index],
        ...medians(measured[index]),
      });
    }
  }
  return result;
}

export const open = {
  id: 'open',
  title: 'Latency under an offered load (open loop, GET 16 B), ms',
  async measure({ about, address, compared, quick, settings, say }) {
    const seconds = quick ? 0.3 : 0.5;
    const rounds = Math.min(settings.rounds, quick ? 5 : 15);
    const data = await withRunners(compared, address, async (runners) => {
      await warmUp(runners, quick ? 1 : 4);
      return levels(runners, { rounds, seconds, say });
    });
    const lines = data.map((one) => [
      one.share === null ? 'the same load' : `${one.share * 100} % of its limit`,
      one.title,
      rate(one.load),
      ...[one.p50, one.p99, one.p999].map((ms) => ms.toFixed(2)),
      number(one.cpu),
    ]);
    const text = [
      about(`medians of ${rounds} interleaved rounds of ${seconds} s each, after a warm-up`, compared),
      table([['load', 'client', 'calls per s', 'p50', 'p99', 'p99.9', 'CPU µs/op'], ...lines]),
      `The limit of a client is what it does with ${IN_FLIGHT} calls in flight, each timed as here. Calls are made once ` +
        'a ms, as many as are due, and timed from when they were due: half a ms of each figure is the timer.',
    ];
    return { data, text: text.join('\n\n') };
  },
};
