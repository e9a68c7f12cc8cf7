import { createHistogram } from 'node:perf_hooks';

/**
 * Open loop: calls are made when they are due, whether or not earlier ones have been answered, and each is timed
 * from when it was due. A client that stalls is charged for everything that waits meanwhile.
 */
export async function measureLatency(call, { rate, seconds }) {
  const histogram = createHistogram({ lowest: 1, highest: 60_000_000, figures: 3 });
  const total = rate * seconds;
  const started = performance.now();
  let issued = 0;
  let failed = 0;
  const cpuBefore = process.cpuUsage();
  await new Promise((resolve) => {
    let answered = 0;
    const settle = (due) => {
      histogram.record(Math.max(1, Math.round((performance.now() - due) * 1000)));
      answered += 1;
      if (answered === total) resolve();
    };
    const timer = setInterval(() => {
      const due = Math.min(total, Math.floor(((performance.now() - started) / 1000) * rate));
      for (; issued < due; issued += 1) {
        const at = started + (issued / rate) * 1000;
        call().then(
          () => settle(at),
          () => {
            failed += 1;
            settle(at);
          },
        );
      }
      if (issued === total) clearInterval(timer);
    }, 1);
  });
  const cpu = process.cpuUsage(cpuBefore);
  const at = (percentile) => histogram.percentile(percentile) / 1000;
  return {
    p50: at(50),
    p99: at(99),
    p999: at(99.9),
    max: histogram.max / 1000,
    failed,
    cpu: (cpu.user + cpu.system) / total,
  };
}
