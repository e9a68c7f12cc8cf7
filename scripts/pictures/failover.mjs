// Draws the failover of a cluster on a time line, from docs/pictures/failover.json.
import { Picture } from './picture.mjs';

const LEFT = 120;
const RIGHT = 820;
const ROW = 62;

const seconds = (ms) => `${(ms / 1_000).toFixed(2)} s`;

export function failoverPicture({ about, step, before, callers, answered, rejected, elected, written }) {
  const unknown = rejected.filter(({ maybeExecuted }) => maybeExecuted).length;
  const others = rejected.filter(({ shard }) => shard !== 0).length;
  const picture = new Picture(
    840,
    392,
    'A failover of a cluster, measured',
    `A primary is killed under load. ${rejected.length} calls reject, a new primary is elected after ${seconds(elected)}, and the first write is acknowledged after ${seconds(written)}. The other shards go on.`,
  );
  const span = answered[0].length * step;
  const x = (ms) => LEFT + ((ms + before) / span) * (RIGHT - LEFT);
  const top = Math.max(...answered.flat());
  answered.forEach((counts, shard) => {
    const base = 124 + shard * ROW;
    picture
      .text(20, base - 16, `shard ${'ABC'[shard]}`, 'bold')
      .text(
        20,
        base,
        shard === 0 ? `up to ${Math.round(((top / step) * 1_000) / 100) / 10} k/s` : '',
        'small soft',
      );
    picture.line(LEFT, base, RIGHT, base);
    counts.forEach((count, index) => {
      const height = (count / top) * (ROW - 20);
      if (count > 0)
        picture.rect(
          x(index * step - before) + 1,
          base - height,
          (RIGHT - LEFT) / counts.length - 2,
          height,
          'bar',
          1,
        );
    });
  });
  const bottom = 124 + 2 * ROW;
  for (let ms = -before; ms <= span - before; ms += 500) {
    picture.line(x(ms), bottom, x(ms), bottom + 5);
    if (ms % 1_000 === 0) picture.text(x(ms), bottom + 20, `${ms / 1_000} s`, 'small soft middle');
  }
  const event = (ms, style, label, anchor) => {
    picture.line(x(ms), 58, x(ms), bottom, `arrow ${style} dashed`);
    picture.text(x(ms) + (anchor === 'end' ? -6 : 6), 54, label, `small ${style} ${anchor}`);
  };
  event(0, 'red', 'SIGKILL to the primary of shard A', '');
  event(elected, 'green', `new primary, ${seconds(elected)}`, elected > 2_500 ? 'end' : '');

  const facts = [
    `${unknown} of ${callers} callers of shard A were told that their write may have run (maybeExecuted); later calls waited.`,
    `The servers took ${seconds(elected)} to agree on a new primary. The first write there was acknowledged ${
      written <= elected ? 'before all of them had said so' : `${Math.round(written - elected)} ms later`
    }.`,
    `Shards B and C went on: ${others === 0 ? 'no call failed' : `${others} calls failed`}.`,
  ];
  facts.forEach((fact, index) => picture.text(20, bottom + 50 + index * 20, fact));
  picture.text(20, bottom + 116, about, 'small soft');
  return picture;
}
