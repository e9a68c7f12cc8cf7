import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TCPLocation, UnixDomainSocketLocation } from '../../transport/location.ts';
import type { ServerBinary } from './binaries.ts';
import { freePort, releasePort } from './ports.ts';
import { RawClient } from './raw-client.ts';
import { ServerProcess, ServerStartError } from './server-process.ts';
import type { ServerTls } from './server-tls.ts';
import { newFolderName } from './watchdog.ts';

/** How `TestServer` starts one kind of server (plain, cluster node, sentinel). */
export interface ServerPlan {
  readonly binary: ServerBinary;
  readonly label: string;
  readonly port: number | null;
  readonly withBus: boolean;
  readonly sentinel: boolean;
  readonly args: readonly string[];
  readonly tls: ServerTls | null;
  readonly socket: string | boolean;
  readonly username: string | null;
  readonly password: string | null;
  /** The commands by which the testkit's own client logs in. */
  readonly prelude: readonly (readonly string[])[];
  /** Lines of the configuration file. */
  configure(folder: string, port: number): readonly string[];
}

export type CommandArgument = string | number | Uint8Array;

const BIND_ATTEMPTS = 20;
const NEVER_ENDS = new Set<NodeJS.Signals>([
  'SIGSTOP',
  'SIGCONT',
  'SIGTSTP',
  'SIGUSR1',
  'SIGUSR2',
  'SIGHUP',
  'SIGPIPE',
]);

/** A started server, from which a `TestServer` is made. */
export interface LaunchedServer {
  readonly plan: ServerPlan;
  readonly folder: string;
  readonly port: number;
  readonly process: ServerProcess;
}

export async function launch(plan: ServerPlan): Promise<LaunchedServer> {
  const folder = newFolderName(plan.label);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (let attempt = 1; ; attempt++) {
    const port = plan.port ?? (await freePort(plan.withBus));
    try {
      writeFileSync(configFile(folder), `${plan.configure(folder, port).join('\n')}\n`, { mode: 0o600 });
      return { plan, folder, port, process: await run(plan, folder) };
    } catch (error) {
      releasePort(port);
      const again = error instanceof ServerStartError && error.portTaken && plan.port === null;
      if (again && attempt < BIND_ATTEMPTS) continue;
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }
}

/** A real server process on loopback with a folder of its own. */
export class TestServer {
  readonly host = '127.0.0.1';
  readonly port: number;
  readonly folder: string;
  readonly socketPath: string | null;
  readonly #plan: ServerPlan;
  #process: ServerProcess;
  readonly #client: RawClient;
  #paused = false;
  #stopped = false;

  constructor({ plan, folder, port, process }: LaunchedServer) {
    this.#plan = plan;
    this.folder = folder;
    this.port = port;
    this.socketPath = socketPath(plan, folder);
    this.#process = process;
    const { tls } = plan;
    this.#client = new RawClient({
      host: this.host,
      port,
      prelude: plan.prelude,
      tls: tls === null ? undefined : { ca: tls.ca, cert: tls.clientCert, key: tls.clientKey },
    });
  }

  /** `redis://` or, with TLS, `rediss://` with the files to trust and show; with user and password. */
  get url(): string {
    const { username, password, tls } = this.#plan;
    const user = userInfo(username, password);
    const query = new URLSearchParams();
    if (tls !== null) query.set('ssl_ca_certs', tls.paths.ca);
    if (tls?.mutual === true) {
      query.set('ssl_certfile', tls.paths.clientCert);
      query.set('ssl_keyfile', tls.paths.clientKey);
    }
    const scheme = tls === null ? 'redis' : 'rediss';
    return `${scheme}://${user}${this.host}:${this.port}/0${queryOf(query, user)}`;
  }

  /** `unix://` of the socket; `null` without one. */
  get unixUrl(): string | null {
    if (this.socketPath === null) return null;
    const user = userInfo(this.#plan.username, this.#plan.password);
    const path = encodeURI(this.socketPath);
    return `unix://${user}${path}${queryOf(new URLSearchParams({ db: '0' }), user + path)}`;
  }

  get location(): TCPLocation {
    return new TCPLocation(this.host, this.port);
  }

  /** TCP, and the Unix socket when there is one. */
  get locations(): (TCPLocation | UnixDomainSocketLocation)[] {
    return this.socketPath === null
      ? [this.location]
      : [this.location, new UnixDomainSocketLocation(this.socketPath)];
  }

  get unixLocation(): UnixDomainSocketLocation | null {
    return this.socketPath === null ? null : new UnixDomainSocketLocation(this.socketPath);
  }

  get tls(): ServerTls | null {
    return this.#plan.tls;
  }
  get pid(): number {
    return this.#process.pid;
  }
  get running(): boolean {
    return this.#process.running;
  }
  get paused(): boolean {
    return this.#paused && this.running;
  }
  get binary(): string {
    return this.#plan.binary.path;
  }
  get kind(): 'redis' | 'valkey' {
    return this.#plan.binary.kind;
  }
  get version(): string {
    return this.#plan.binary.version;
  }

  /** Over one connection of the testkit's own (`CLIENT` name `respool-testkit`); rejects with an error reply. */
  command(...args: CommandArgument[]): Promise<unknown> {
    return this.#client.command(args);
  }

  /** Many commands in one write; error replies are elements. */
  pipeline(commands: readonly (readonly CommandArgument[])[], timeout?: number): Promise<unknown[]> {
    return this.#client.pipeline(commands, timeout);
  }

  /** Closes the testkit's own connection; the next `command` opens another. */
  disconnect(): void {
    this.#client.close();
  }

  async configSet(name: string, value: string | number): Promise<void> {
    await this.command('CONFIG', 'SET', name, value);
  }

  /** Ends the process (SIGKILL unless another signal is named) and waits until it has. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (NEVER_ENDS.has(signal)) return this.#process.signal(signal);
    await this.#process.kill(signal);
    this.#client.close();
  }

  /** SIGSTOP: the kernel still accepts connections, nothing answers. */
  pause(): void {
    this.#paused = true;
    this.#process.signal('SIGSTOP');
  }

  resume(): void {
    this.#paused = false;
    this.#process.signal('SIGCONT');
  }

  /** On the same port, in the same folder; data survives only when `args` make the server save it. */
  async restart(): Promise<void> {
    if (this.#stopped) throw new Error('respool/testkit: this server was stopped for good');
    if (this.running) {
      this.resume();
      await this.kill('SIGTERM');
    }
    this.#paused = false;
    for (let attempt = 1; ; attempt++) {
      try {
        this.#process = await run(this.#plan, this.folder);
        return;
      } catch (error) {
        if (!(error instanceof ServerStartError && error.portTaken) || attempt >= BIND_ATTEMPTS) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  /** The last lines the server wrote. */
  logTail(lines = 20): string {
    if (this.#stopped) return '';
    return readFileSync(logFile(this.folder), 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  }

  /** For good: the process, its folder and its port are gone afterwards. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#client.close();
    await this.#process.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
    releasePort(this.port);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

const configFile = (folder: string): string => join(folder, 'server.conf');
const logFile = (folder: string): string => join(folder, 'server.log');

export function socketPath(plan: Pick<ServerPlan, 'socket'>, folder: string): string | null {
  if (plan.socket === false) return null;
  return plan.socket === true ? join(folder, 'server.sock') : plan.socket;
}

function run(plan: ServerPlan, folder: string): Promise<ServerProcess> {
  return ServerProcess.start({
    binary: plan.binary.path,
    argv: [configFile(folder), ...(plan.sentinel ? ['--sentinel'] : []), ...plan.args],
    folder,
    logFile: logFile(folder),
    timeout: 15_000,
  });
}

export function userInfo(username: string | null, password: string | null): string {
  if (password === null) return '';
  return `${encodeURIComponent(username ?? '')}:${encodeURIComponent(password)}@`;
}

/** The query of a URL. If earlier parts are percent-encoded, it tells `fromUrl` to decode them. */
export function queryOf(query: URLSearchParams, encoded: string): string {
  if (encoded.includes('%')) query.set('decodeComponents', 'true');
  return query.size === 0 ? '' : `?${String(query).replaceAll('+', '%20')}`;
}
