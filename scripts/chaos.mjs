// npm run chaos -- [scenario …] [--seconds N] [--seed N]: long runs against real servers, judged by an oracle.
import { compile } from './compile.mjs';
import { run } from './lib.mjs';

const compiled = await compile();
if (compiled.code !== 0) {
  console.error(compiled.output);
  process.exit(1);
}
const node = [process.execPath, '--enable-source-maps', '--unhandled-rejections=strict'];
const command = [...node, '.build/test/chaos/run.js', ...process.argv.slice(2)];
// A low limit of file descriptors, so that a run can exhaust them.
const limited = ['/bin/sh', '-c', 'ulimit -n 1024; exec "$@"', 'chaos', ...command];
process.exitCode = (await run(process.platform === 'win32' ? command : limited)).code;
