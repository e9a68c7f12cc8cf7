#!/usr/bin/env node
import { RedisError } from '../index.ts';
import { bench } from './commands/bench.ts';
import { cluster } from './commands/cluster.ts';
import { doctor } from './commands/doctor.ts';
import { exec } from './commands/exec.ts';
import { monitor, subscribe } from './commands/listen.ts';
import { ping } from './commands/ping.ts';
import { top } from './commands/top.ts';
import { completion, helpOf } from './help.ts';
import { type CommandName, readOptions, UsageError } from './options.ts';
import { type Call, targetOf } from './target.ts';
import { printable, Terminal, writeNote } from './terminal.ts';

/** Resolves to the exit code. */
type Command = (call: Call) => Promise<number>;

const COMMANDS: Record<Exclude<CommandName, 'completion'>, Command> = {
  ping,
  exec,
  subscribe,
  monitor,
  top,
  bench,
  cluster,
  doctor,
};

function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => controller.abort(name));
  return controller.signal;
}

/** Exits with code 0 if the output pipe is closed (`respool monitor | head`). */
function endWithPipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? 0 : 1);
  });
}

async function run(argv: readonly string[]): Promise<number> {
  const options = readOptions(argv);
  const terminal = new Terminal(process.stdout, !options.flag('no-color'));
  if (options.help) {
    terminal.line(helpOf(argv.length > 0 && argv[0] === options.command ? options.command : topic(argv)));
    return 0;
  }
  if (options.command === 'completion') {
    terminal.line(completion(options.words[0]));
    return 0;
  }
  const target = await targetOf(options, terminal);
  return COMMANDS[options.command]({ options, terminal, target, signal: interruption() });
}

function topic([first, second]: readonly string[]): CommandName | null {
  return first === 'help' && second !== undefined ? readOptions([second]).command : null;
}

function explain(error: unknown): number {
  if (error instanceof UsageError) {
    writeNote(`respool: ${error.message}\nTry: respool --help`);
    return 2;
  }
  if (error instanceof TypeError || error instanceof RedisError) {
    writeNote(`respool: ${printable(error.message)}`);
    return 1;
  }
  throw error;
}

endWithPipe();
process.exitCode = await run(process.argv.slice(2)).catch(explain);
