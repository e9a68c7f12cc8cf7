import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onCore } from './server.mjs';

export const BENCH = dirname(fileURLToPath(import.meta.url));
export const ROOT = dirname(BENCH);
export const BUN = join(ROOT, 'tools/runtimes/node_modules/bun/bin/bun');

export const median = (numbers) => {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/** The command line of a script under a client's own runtime, on the clients' core. */
export function commandOf(client, script, args, flags = ['--expose-gc']) {
  const runtime = client.id === 'bun' ? [BUN] : [process.execPath, ...flags];
  return onCore(0, [...runtime, join(BENCH, script), client.id, ...args.map(String)]);
}

/** A client in its own process, asked one order at a time. */
export class Runner {
  #child;
  #lines;

  static async start(client, { host, port }, flags, env = {}) {
    const runner = new Runner();
    runner.client = client;
    const [command, ...args] = commandOf(client, 'child.mjs', [host, port], flags);
    runner.#child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'inherit'],
      cwd: BENCH,
      env: { ...process.env, ...env },
    });
    runner.#lines = createInterface({ input: runner.#child.stdout })[Symbol.asyncIterator]();
    await runner.#answer();
    return runner;
  }

  async ask(order) {
    this.#child.stdin.write(`${JSON.stringify(order)}\n`);
    const answer = await this.#answer();
    if (answer.error !== undefined) throw new Error(`${this.client.title}: ${answer.error}`);
    return answer;
  }

  async stop() {
    const closed = new Promise((resolve) => this.#child.on('close', resolve));
    this.#child.stdin.end(`${JSON.stringify({ type: 'close' })}\n`);
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5000);
    await closed;
    clearTimeout(timer);
  }

  /** The next line that is an answer: clients print warnings of their own. */
  async #answer() {
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done) throw new Error(`${this.client.title}: its process ended`);
      if (value.startsWith('{"')) return JSON.parse(value);
    }
  }
}

export function available(client) {
  if (client.own) return existsSync(process.env.RESPOOL_DIST ?? join(ROOT, 'dist/index.js'));
  if (client.id === 'bun') return existsSync(BUN);
  return existsSync(join(BENCH, 'node_modules', client.package));
}
