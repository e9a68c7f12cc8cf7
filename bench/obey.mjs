// The side of a measured process: reads orders as lines of JSON, answers each with one line.
import { createInterface } from 'node:readline';

/** Says that it is ready, then does what it is asked until it is told to close. */
export async function obey(act) {
  console.log(JSON.stringify({ ready: true }));
  for await (const line of createInterface({ input: process.stdin })) {
    const order = JSON.parse(line);
    if (order.type === 'close') return;
    try {
      console.log(JSON.stringify(await act(order)));
    } catch (error) {
      console.log(JSON.stringify({ error: error?.message || String(error?.stack ?? error) }));
    }
  }
}

/** Microseconds of CPU and milliseconds that `work` takes, each for one of its `count` operations and in all. */
export async function costOf(work, count) {
  const cpuBefore = process.cpuUsage();
  const before = process.hrtime.bigint();
  await work();
  const ms = Number(process.hrtime.bigint() - before) / 1e6;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { operations: count, ms, cpu: user + system };
}
