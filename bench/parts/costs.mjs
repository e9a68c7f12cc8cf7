import { number, table } from '../report.mjs';
import { withRunners } from '../runner.mjs';

const EXPLANATION =
  '*In all* is the median of all rounds of a call. *More* compares each round with the round of the plain call ' +
  'that ran just before (the nearest row above with a dash) and is the median of these differences, so that ' +
  'it is not exactly the difference of the two medians.';

export const costs = {
  id: 'costs',
  title: 'The cost of extras, µs of client CPU',
  async measure({ about, address, chosen, quick }) {
    const own = chosen.filter(({ id }) => id === 'respool');
    if (own.length === 0) return null;
    const data = await withRunners(own, address, ([runner]) => runner.ask({ type: 'costs', quick }));
    const lines = data.rows.map((one) => [one.title, number(one.cpu), one.more]);
    const text = [
      about(`medians of ${quick ? 5 : 15} interleaved rounds`, own),
      table([['call', 'in all', 'more'], ...lines]),
      EXPLANATION,
    ];
    return { data, text: text.join('\n\n') };
  },
};
