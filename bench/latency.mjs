/** The interval in ms at which the generator makes the calls that are due. */
const TICK = 1;

/** Percentiles of the first `count` numbers, which this sorts in place. */
function summary(latencies, count) {
  const sorted = latencies.subarray(0, count).sort();
  const at = (share) => sorted[Math.min(count - 1, Math.floor(count * share))];
  return { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: sorted[count - 1] };
}

/**
 * Open loop: each call is made when it is due, even if earlier ones have no reply yet, and its latency counts from that
 * time. So a client that stalls is charged for every call that waits meanwhile.
 */
export async function measureLatency(call, { rate, seconds }) {
  const total = Math.round(rate * seconds);
  const latencies = new Float64Array(total);
  const started = performance.now();
  let issued = 0;
  let answered = 0;
  let failed = 0;
  const cpuBefore = process.cpuUsage();
  await new Promise((resolve) => {
    const settle = (due) => {
      latencies[answered] = performance.now() - due;
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
    }, TICK);
  });
  const { user, system } = process.cpuUsage(cpuBefore);
  const ms = performance.now() - started;
  return {
    ...summary(latencies, total),
    failed,
    cpu: (user + system) / total,
    made: (total / ms) * 1000,
  };
}

/** The highest rate with `inFlight` calls always outstanding; each call is timed as in the open loop. */
export async function measureMost(call, { inFlight, seconds }) {
  const started = performance.now();
  const until = started + seconds * 1000;
  let answered = 0;
  let slowest = 0;
  await new Promise((resolve, reject) => {
    let left = inFlight;
    const next = (at) => {
      call().then(() => {
        const now = performance.now();
        slowest = Math.max(slowest, now - at);
        answered += 1;
        if (now < until) next(now);
        else if (--left === 0) resolve();
      }, reject);
    };
    for (let index = 0; index < inFlight; index += 1) next(started);
  });
  return { rate: (answered / (performance.now() - started)) * 1000, slowest };
}
