// The measured process's side of a runner: reads orders as lines of JSON and answers each with one line.
import { createInterface } from 'node:readline';

/** Reports that the process is ready, then carries out orders until it is told to close. */
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

/** The CPU time (µs) and duration (ms) of `work`: per operation of `count`, and in total. */
export async function costOf(work, count) {
  const cpuBefore = process.cpuUsage();
  const before = process.hrtime.bigint();
  await work();
  const ms = Number(process.hrtime.bigint() - before) / 1e6;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { operations: count, ms, cpu: user + system };
}
