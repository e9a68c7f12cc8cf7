import { setTimeout as sleep } from 'node:timers/promises';
import { type Call, openPool } from '../target.ts';
import { milliseconds, printable } from '../terminal.ts';

/** Measures round trips, one after the other. */
export async function ping({ options, terminal, target, signal }: Call): Promise<number> {
  const count = options.number('count', 4);
  const pause = options.number('interval', 1) * 1_000;
  await using pool = openPool(target);
  const times: number[] = [];
  let lost = 0;
  for (let index = 0; index < count && !signal.aborted; index++) {
    if (index > 0) await sleep(pause, undefined, { signal }).catch(() => {});
    if (signal.aborted) break;
    const begun = performance.now();
    try {
      await pool.executeRequest('PING', [], { timeout: target.timeout });
      times.push(performance.now() - begun);
      if (!options.json)
        terminal.sentence(
          '',
          `PONG from ${target.shown}: ${milliseconds(times.at(-1) as number)}${index === 0 ? ' (with the connection)' : ''}`,
        );
    } catch (error) {
      lost++;
      if (!options.json) terminal.sentence('', `no answer: ${printable((error as Error).message)}`);
    }
  }
  const sorted = times.toSorted((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)] ?? null;
  if (options.json) {
    const result = {
      target: target.shown,
      sent: times.length + lost,
      lost,
      min: sorted[0] ?? null,
      median: middle,
      max: sorted.at(-1) ?? null,
    };
    terminal.line(JSON.stringify(result));
  } else if (middle !== null) {
    terminal.sentence(
      '',
      `${times.length + lost} sent, ${lost} lost, min ${milliseconds(sorted[0] as number)}, median ${milliseconds(middle)}, max ${milliseconds(sorted.at(-1) as number)}`,
    );
  }
  return lost === 0 ? 0 : 1;
}
