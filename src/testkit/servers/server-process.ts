import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { guard, unguard } from './watchdog.ts';

const READY = /Ready to accept connections|Sentinel ID is/;
const BIND_FAILED = /Address already in use|Failed listening on|Could not create server TCP listening socket/;

export class ServerStartError extends Error {
  /** The port was taken meanwhile, so another one may work. */
  readonly portTaken: boolean;

  constructor(what: string, log: string) {
    super(`respool/testkit: ${what}\n${log.trim().split('\n').slice(-15).join('\n')}`);
    this.name = 'ServerStartError';
    this.portTaken = BIND_FAILED.test(log);
  }
}

export interface ProcessOptions {
  readonly binary: string;
  readonly argv: readonly string[];
  readonly folder: string;
  readonly logFile: string;
  readonly timeout: number;
}

function logSize(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/** A running server process, in its own process group and guarded by the watchdog. */
export class ServerProcess {
  readonly pid: number;
  readonly exited: Promise<void>;
  #running = true;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, pid: number) {
    this.#child = child;
    this.pid = pid;
    guard(pid);
    this.exited = new Promise((resolve) => {
      child.once('exit', () => {
        this.#running = false;
        unguard(pid);
        resolve();
      });
    });
    child.unref();
  }

  /** Resolves when the server accepts connections. */
  static async start(options: ProcessOptions): Promise<ServerProcess> {
    const { binary, argv, folder, logFile, timeout } = options;
    const offset = logSize(logFile);
    const log = openSync(logFile, 'a', 0o600);
    const child = spawn(binary, argv, { cwd: folder, detached: true, stdio: ['ignore', log, log] });
    closeSync(log);
    const failed = new Promise<never>((_, reject) => child.once('error', reject));
    failed.catch(() => {});
    if (child.pid === undefined) return failed;
    const started = new ServerProcess(child, child.pid);
    const written = (): string => readFileSync(logFile).subarray(offset).toString();
    const deadline = performance.now() + timeout;
    for (;;) {
      if (!started.running) throw new ServerStartError(`${binary} ended while starting`, written());
      if (READY.test(written())) return started;
      if (performance.now() > deadline) {
        await started.kill('SIGKILL');
        throw new ServerStartError(`${binary} was not ready after ${timeout} ms`, written());
      }
      await sleep(4);
    }
  }

  get running(): boolean {
    return this.#running;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#running) send(this.pid, signal);
  }

  /** Sends a signal that ends the process and waits for the end; sends SIGKILL after `patience` ms. */
  async kill(signal: NodeJS.Signals, patience = 3000): Promise<void> {
    if (!this.#running) return;
    this.#child.ref();
    send(this.pid, signal);
    const timer = setTimeout(() => this.signal('SIGKILL'), patience);
    await this.exited;
    clearTimeout(timer);
  }
}

/** Sends a signal. Not by the child's own method, which under Deno fails for signals that do not end a process. */
function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // The process has ended meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
