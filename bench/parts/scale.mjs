import { number, rate, table } from '../report.mjs';
import { withRunners } from '../runner.mjs';

function tables({ inFlight, connections, strings, arrays, beside }) {
  const ms = (value) => value.toFixed(2);
  const side = (name, { p50, p99, count }) => [name, rate(count), ms(p50), ms(p99)];
  return [
    table([
      ['requests in flight', 'CPU µs/op'],
      ...inFlight.map(({ width, cpu }) => [rate(width), number(cpu)]),
    ]),
    table([
      ['connections, 100 in flight on each', 'CPU µs/op'],
      ...connections.map(({ count, cpu }) => [rate(count), number(cpu)]),
    ]),
    table([
      ['one reply as bytes', 'CPU µs per MiB'],
      ...strings.map(({ mib, cpu }) => [`${mib} MiB`, number(cpu)]),
    ]),
    table([
      ['one array of short strings', 'CPU µs per entry'],
      ...arrays.map(({ entries, cpu }) => [`${rate(entries)} entries`, cpu.toFixed(3)]),
    ]),
    table([
      ['small commands, one per ms', 'measured', 'p50 ms', 'p99 ms'],
      side('alone', beside.alone),
      side(`beside ${beside.replies} replies of ${beside.mib} MiB, made after the header`, beside.busy),
      ['(made before the header, and behind it)', rate(beside.before), '–', '–'],
      side('PINGs of another process beside such replies: the server and the machine', beside.elsewhere),
    ]),
  ];
}

export const scale = {
  id: 'scale',
  title: 'Scale',
  async measure({ about, address, chosen, quick }) {
    const own = chosen.filter(({ id }) => id === 'respool');
    if (own.length === 0) return null;
    const data = await withRunners(own, address, ([runner]) => runner.ask({ type: 'scale', quick }));
    return { data, text: [about('one process', own), ...tables(data)].join('\n\n') };
  },
};
