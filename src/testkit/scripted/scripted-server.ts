import { randomBytes } from 'node:crypto';
import { nameClass } from '../../base/classes.ts';
import { rmSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { TCPLocation, UnixDomainSocketLocation } from '../../transport/location.ts';
import { ScriptedConnection, type ScriptedCommand, type ScriptedReply } from './scripted-connection.ts';
import { defaultReply, isAnswered, type ScriptedIdentity } from './scripted-defaults.ts';
import { serverTls, type ServerTls, type TlsOptions } from '../servers/server-tls.ts';
import { newFolderName } from '../servers/watchdog.ts';

export type ScriptedHandler = (
  command: readonly string[],
  connection: ScriptedConnection,
  raw: readonly Buffer[],
) => ScriptedReply | Promise<ScriptedReply>;

/** By name in capitals; two words (`'CLIENT SETINFO'`) go before one. What is not here gets the default. */
export type ScriptedTable = Readonly<Record<string, ScriptedReply | ScriptedHandler>>;

export interface ScriptedServerOptions {
  /** Fields of the HELLO reply. */
  readonly version?: string | undefined;
  readonly server?: string | undefined;
  readonly mode?: string | undefined;
  readonly role?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  /** Listen on a Unix socket instead; `true`: a temporary one. */
  readonly path?: string | boolean | undefined;
  readonly tls?: boolean | TlsOptions | undefined;
  /** `false`: do not keep commands (for floods). */
  readonly record?: boolean | undefined;
  readonly onConnection?: ((connection: ScriptedConnection) => void) | undefined;
}

interface Waiter {
  check(): boolean;
  settle(error: Error | null): void;
}

/**
 * A server in this process that answers what a test tells it to, and remembers the commands that came.
 *
 * @example await using server = await ScriptedServer.start({ GET: () => reply.bulk('hello') });
 */
export class ScriptedServer {
  /** All that ever came, in order. */
  readonly connections: ScriptedConnection[] = [];
  /** The commands of all connections, in the order of arrival. */
  readonly commands: ScriptedCommand[] = [];
  readonly tls: ServerTls | null;
  readonly socketPath: string | null;
  #script: ScriptedTable | ScriptedHandler;
  readonly #identity: ScriptedIdentity;
  readonly #options: ScriptedServerOptions;
  #listener: Server;
  #waiters = new Set<Waiter>();

  private constructor(script: ScriptedTable | ScriptedHandler, options: ScriptedServerOptions) {
    this.#script = script;
    this.#options = options;
    this.#identity = {
      server: options.server ?? 'redis',
      version: options.version ?? '7.2.0',
      mode: options.mode ?? 'standalone',
      role: options.role ?? 'master',
      runId: randomBytes(20).toString('hex'),
    };
    this.tls = serverTls(options.tls);
    this.socketPath = options.path === true ? `${newFolderName('scripted')}.sock` : options.path || null;
    this.#listener = this.#makeListener();
  }

  static async start(
    script: ScriptedTable | ScriptedHandler = {},
    options: ScriptedServerOptions = {},
  ): Promise<ScriptedServer> {
    const server = new ScriptedServer(script, options);
    await server.#listen(options.port ?? 0);
    return server;
  }

  get host(): string {
    return this.#options.host ?? '127.0.0.1';
  }
  get port(): number {
    return this.socketPath === null ? this.#port : 0;
  }
  get location(): TCPLocation {
    return new TCPLocation(this.host, this.port);
  }
  get unixLocation(): UnixDomainSocketLocation {
    return new UnixDomainSocketLocation(this.socketPath ?? '');
  }
  get openConnections(): ScriptedConnection[] {
    return this.connections.filter((connection) => connection.open);
  }

  get url(): string {
    if (this.socketPath !== null) return `unix://${encodeURI(this.socketPath)}?db=0`;
    const host = this.host.includes(':') ? `[${this.host}]` : this.host;
    if (this.tls === null) return `redis://${host}:${this.port}/0`;
    return `rediss://${host}:${this.port}/0?${new URLSearchParams({ ssl_ca_certs: this.tls.paths.ca })}`;
  }

  /** Replaces the script for what comes from now on. */
  script(script: ScriptedTable | ScriptedHandler): void {
    this.#script = script;
  }

  /** The `n`th command of that name (one or two words), once it has come. */
  async waitForCommand(name: string, n = 1, timeout = 5000): Promise<ScriptedCommand> {
    const words = name.toUpperCase().split(' ');
    const matching = (): ScriptedCommand | undefined =>
      this.commands.filter(({ args }) => words.every((word, index) => args[index]?.toUpperCase() === word))[
        n - 1
      ];
    await this.waitFor(() => matching() !== undefined, `${name} (${n})`, timeout);
    return matching() as ScriptedCommand;
  }

  /** Waits until this many connections have been accepted since the start. */
  async waitForConnections(n: number, timeout = 5000): Promise<ScriptedConnection[]> {
    await this.waitFor(() => this.connections.length >= n, `${n} connections`, timeout);
    return this.connections;
  }

  /** Until the condition holds; looked at when a command, a connection or an end comes. */
  waitFor(check: () => boolean, what = 'a condition', timeout = 5000): Promise<void> {
    if (check()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        check,
        settle: (error) => {
          clearTimeout(timer);
          this.#waiters.delete(waiter);
          if (error === null) resolve();
          else reject(error);
        },
      };
      const timer = setTimeout(
        () =>
          waiter.settle(
            new Error(
              `scripted server: waited ${timeout} ms for ${what}; ${this.connections.length} connections came, and: ` +
                this.commands
                  .slice(-20)
                  .map(({ args }) => args.slice(0, 2).join(' '))
                  .join(', '),
            ),
          ),
        timeout,
      );
      this.#waiters.add(waiter);
    });
  }

  /** Refuses connections until `listen`; those open stay. */
  stopListening(): Promise<void> {
    this.#listener.close();
    return Promise.resolve();
  }

  /** Accepts again, on the same port. */
  async listen(): Promise<void> {
    const port = this.#port;
    this.#listener = this.#makeListener();
    await this.#listen(port);
  }

  async close(): Promise<void> {
    const open = this.openConnections;
    this.#listener.close();
    for (const connection of open) connection.destroy();
    await Promise.all(open.map((connection) => connection.closed));
    for (const waiter of [...this.#waiters]) waiter.settle(new Error('scripted server: closed'));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #port = 0;

  async #listen(port: number): Promise<void> {
    if (this.socketPath !== null) rmSync(this.socketPath, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#listener.once('error', reject);
      if (this.socketPath === null) this.#listener.listen({ port, host: this.host }, resolve);
      else this.#listener.listen({ path: this.socketPath }, resolve);
    });
    if (this.socketPath === null) this.#port = (this.#listener.address() as AddressInfo).port;
  }

  #makeListener(): Server {
    if (this.tls === null) {
      return createServer({ noDelay: true }, (socket) => this.#accept(socket, socket));
    }
    const { cert, key, ca, mutual } = this.tls;
    const options = { cert, key, ca, requestCert: true, rejectUnauthorized: mutual, noDelay: true };
    // Keep the plain sockets, because only they can be reset.
    const plain = new Map<number | undefined, Socket>();
    const listener = createTlsServer(options, (secure) => {
      this.#accept(secure, plain.get(secure.remotePort) ?? secure);
    });
    listener.on('connection', (socket: Socket) => {
      const { remotePort } = socket;
      plain.set(remotePort, socket);
      socket.once('close', () => plain.delete(remotePort));
    });
    listener.on('tlsClientError', () => {});
    return listener;
  }

  #accept(socket: Socket, raw: Socket): void {
    const connection = new ScriptedConnection(this.connections.length + 1, socket, raw, {
      record: this.#options.record !== false,
      answer: (command) => this.#answer(command),
      received: (command) => {
        if (this.#options.record !== false) this.commands.push(command);
        this.#notify();
      },
    });
    this.connections.push(connection);
    void connection.closed.then(() => this.#notify());
    this.#options.onConnection?.(connection);
    this.#notify();
  }

  #answer(command: ScriptedCommand): ScriptedReply | Promise<ScriptedReply> {
    const answered = isAnswered(command);
    const entry = typeof this.#script === 'function' ? this.#script : lookUp(this.#script, command);
    const answer =
      typeof entry === 'function'
        ? this.#call(() => entry(command.args, command.connection, command.raw))
        : entry;
    if (answer instanceof Promise)
      return answer.then((text) => this.#orDefault(text, command)).then((text) => (answered ? text : null));
    const text = this.#orDefault(answer, command);
    return answered ? text : null;
  }

  /** Runs a handler, then checks the waiting conditions. An exception becomes a rejection. */
  #call(handler: () => ScriptedReply | Promise<ScriptedReply>): ScriptedReply | Promise<ScriptedReply> {
    try {
      return handler();
    } catch (error) {
      return Promise.reject(error as Error);
    } finally {
      this.#notify();
    }
  }

  #orDefault(answer: ScriptedReply, command: ScriptedCommand): ScriptedReply {
    return answer === undefined ? defaultReply(command, this.#identity) : answer;
  }

  #notify(): void {
    for (const waiter of this.#waiters) if (waiter.check()) waiter.settle(null);
  }
}
nameClass(ScriptedServer, 'ScriptedServer');

function lookUp(table: ScriptedTable, { name, args }: ScriptedCommand): ScriptedReply | ScriptedHandler {
  const two = `${name} ${(args[1] ?? '').toUpperCase()}`;
  if (Object.hasOwn(table, two)) return table[two];
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
