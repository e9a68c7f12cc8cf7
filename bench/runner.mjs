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

/** Asks all in turn, `rounds` times; each round starts with the next one. The first `settling` rounds do not count. */
export async function interleave(all, { rounds, settling = 1 }, ask) {
  const answers = all.map(() => []);
  for (let round = -settling; round < rounds; round += 1) {
    for (let turn = 0; turn < all.length; turn += 1) {
      const at = (turn + round + settling) % all.length;
      const answer = await ask(all[at], at);
      if (round >= 0) answers[at].push(answer);
    }
  }
  return answers;
}

/** The median of each figure over several rounds. */
export function medians(rounds) {
  const names = Object.keys(rounds[0]);
  return Object.fromEntries(names.map((name) => [name, median(rounds.map((one) => one[name]))]));
}

export async function withRunners(clients, address, use, options) {
  const runners = [];
  try {
    for (const client of clients) runners.push(await Runner.start(client, address, options));
    return await use(runners);
  } finally {
    for (const runner of runners) await runner.stop();
  }
}

const own = () => [process.execPath, '--expose-gc'];

/** The command line that runs a script under the client's own runtime, on the clients' core. */
export function commandOf(client, script, args, runtime = own()) {
  const command = client.id === 'bun' ? [BUN] : runtime;
  return onCore(0, [...command, join(BENCH, script), client.id, ...args.map(String)]);
}

/** A child process that carries out one order at a time: one line of JSON each way. */
export class Runner {
  #child;
  #lines;

  /** `address` is `{ host, port }`, for TLS with `tls`, the file with the certificate authority. */
  static start(client, address, { runtime, env, script = 'child.mjs' } = {}) {
    const { host, port, tls } = address;
    return Runner.run(client, commandOf(client, script, [JSON.stringify({ host, port, tls })], runtime), env);
  }

  static async run(client, [command, ...args], env = {}) {
    const runner = new Runner();
    runner.client = client;
    runner.#child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'inherit'],
      cwd: BENCH,
      env: { ...process.env, ...env },
    });
    runner.pid = runner.#child.pid;
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

  /** The next line that is an answer; warnings that clients print are skipped. */
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
