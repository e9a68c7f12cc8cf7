import { spawnSync } from 'node:child_process';
import { table } from '../report.mjs';
import { BENCH, commandOf, interleave, medians } from '../runner.mjs';
import { installedSize } from '../sizes.mjs';

const HEAD = ['client', 'import to first reply, ms', 'process start to first reply, ms', 'installed, MiB'];

export const cold = {
  id: 'cold',
  title: 'Cold start and size',
  async measure({ about, address, chosen, quick }) {
    const start = (client) => {
      const [command, ...args] = commandOf(client, 'cold.mjs', [JSON.stringify(address)], [process.execPath]);
      const { stdout } = spawnSync(command, args, { encoding: 'utf8', cwd: BENCH });
      return JSON.parse(stdout.trim().split('\n').at(-1));
    };
    const rounds = await interleave(chosen, { rounds: quick ? 3 : 15 }, start);
    const data = chosen.map((client, index) => ({
      id: client.id,
      title: client.title,
      ...medians(rounds[index]),
      installed: installedSize(client),
    }));
    const lines = data.map((one) => [
      one.title,
      one.ms.toFixed(0),
      one.sinceStart.toFixed(0),
      (one.installed / 2 ** 20).toFixed(2),
    ]);
    const how = `medians of ${quick ? 3 : 15} interleaved rounds`;
    return { data, text: `${about(how, chosen)}\n\n${table([HEAD, ...lines])}` };
  },
};
