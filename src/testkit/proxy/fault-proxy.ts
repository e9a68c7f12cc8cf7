import { nameClass } from '../../base/classes.ts';
import { rmSync } from 'node:fs';
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { type Location, TCPLocation, UnixDomainSocketLocation } from '../../transport/location.ts';
import { type Checks, checkOptions, either, oneOf, port, text, whole } from '../servers/option-checks.ts';
import { checkTls, type ServerTls, serverTls } from '../servers/server-tls.ts';
import { newFolderName } from '../servers/watchdog.ts';
import {
  checkKind,
  type FaultProxyOptions,
  type FaultProxyTarget,
  type ProxyDirection,
  type ProxyFaultChoice,
  type ProxyFaultKind,
  type ProxyFrame,
  type ProxyLine,
  type ProxyRates,
  seededRandom,
} from './faults.ts';
import { ProxyConnection, type ProxyEnds, type ProxyOwner } from './proxy-connection.ts';

/** A script judges a frame: a fault, or nothing to let it pass. Anything else resets the connection, with a warning. */
export type ProxyFrameHandler = (
  frame: ProxyFrame,
  connection: ProxyConnection,
) => ProxyFaultChoice | undefined | void;

/** A fault that was applied. */
export interface ProxyStrike {
  readonly kind: ProxyFaultKind;
  readonly direction: ProxyDirection;
  readonly connection: ProxyConnection;
}

const objectOf = (name: string, value: unknown): void => {
  if (typeof value !== 'object' || value === null) throw new TypeError(`${name} must be an object`);
};
const CHECKS: Checks<FaultProxyOptions> = {
  seed: whole(0),
  port,
  path: either('boolean', text),
  tls: checkTls,
  rates: objectOf,
  ratesFor: oneOf('to-server', 'to-client', 'both'),
  line: objectOf,
};

type Accepting = 'passes' | 'never-answers' | 'resets';

/**
 * Stands between a client and a server, and does to their bytes what bad lines do: late, in pieces, in part, twice,
 * in the wrong order, or not at all. It knows RESP, so a fault strikes a whole reply, push or command.
 *
 * Faults come by script (`on`), by rate (`rates`), or by a call (`reset`, `freeze`, `refuse`, …). The same `seed`
 * draws the same faults for the same frames of the same connection.
 *
 * @example
 * ```ts
 * await using server = await startServer();
 * await using proxy = await FaultProxy.start(server);
 * proxy.on('reply', (reply) => (reply.command === 'GET' ? { kind: 'delay', ms: 200 } : undefined));
 * await using pool = ConnectionPool.fromUrl(proxy.url);
 * ```
 */
export class FaultProxy implements AsyncDisposable {
  /** Repeats a run when given as an option. */
  readonly seed: number;
  /** How the proxy shows itself to clients when it speaks TLS; `null`: it passes bytes below TLS. */
  readonly tls: ServerTls | null;
  readonly socketPath: string | null;
  readonly #target: Location;
  readonly #targetTls: ServerTls | null;
  readonly #owner: ProxyOwner;
  readonly #open = new Set<ProxyConnection>();
  /** Accepted sockets that are not answered. */
  readonly #mute = new Set<Socket>();
  readonly #handlers: Record<ProxyFrame['kind'], ProxyFrameHandler[]> = { command: [], reply: [], push: [] };
  readonly #observers: ((strike: ProxyStrike) => void)[] = [];
  readonly #struck = new Map<ProxyFaultKind, number>();
  #rates: readonly (readonly [ProxyFaultKind, number])[];
  readonly #ratesFor: ProxyDirection | 'both';
  readonly #lines: Record<ProxyDirection, ProxyLine>;
  #accepting: Accepting = 'passes';
  #thaw: (() => void) | null = null;
  #frozen: Promise<void> | null = null;
  #listener: Server;
  #port = 0;
  #accepted = 0;

  private constructor(target: FaultProxyTarget, options: FaultProxyOptions) {
    this.seed = options.seed ?? Math.floor(Math.random() * 2 ** 31);
    const tls = options.tls !== undefined && options.tls !== false;
    this.#target = 'location' in target ? target.location : target;
    this.#targetTls = tls && 'location' in target ? (target.tls ?? null) : null;
    this.tls = serverTls(options.tls);
    this.socketPath = options.path === true ? `${newFolderName('proxy')}.sock` : options.path || null;
    this.#rates = ratesOf(options.rates ?? {});
    this.#ratesFor = options.ratesFor ?? 'both';
    const line = { ...options.line };
    this.#lines = { 'to-server': line, 'to-client': line };
    this.#owner = {
      armed: () => this.#armed,
      line: (direction) => this.#lines[direction],
      frozen: () => this.#frozen,
      scripted: (frame, connection) => this.#scripted(frame, connection),
      rates: (direction) => (this.#ratesFor === 'both' || this.#ratesFor === direction ? this.#rates : []),
      struck: (kind, direction, connection) => this.#strike({ kind, direction, connection }),
      gone: (connection) => void this.#open.delete(connection),
    };
    this.#listener = this.#makeListener();
  }

  /**
   * Starts a proxy in front of a server of the testkit, or of a location.
   *
   * @throws {TypeError} an option is unknown or of the wrong kind
   */
  static async start(target: FaultProxyTarget, options: FaultProxyOptions = {}): Promise<FaultProxy> {
    checkOptions(options, CHECKS);
    const proxy = new FaultProxy(target, options);
    await proxy.#listen(options.port ?? 0);
    return proxy;
  }

  get host(): string {
    return '127.0.0.1';
  }
  /** 0 on a Unix socket. */
  get port(): number {
    return this.#port;
  }
  get location(): TCPLocation {
    return new TCPLocation(this.host, this.#port);
  }
  /** `null` on TCP. */
  get unixLocation(): UnixDomainSocketLocation | null {
    return this.socketPath === null ? null : new UnixDomainSocketLocation(this.socketPath);
  }
  /** Where clients connect: `redis://`, `rediss://` when the proxy speaks TLS, `unix://` on a socket. */
  get url(): string {
    if (this.socketPath !== null) return `unix://${encodeURI(this.socketPath)}?db=0`;
    if (this.tls === null) return `redis://${this.host}:${this.#port}/0`;
    return `rediss://${this.host}:${this.#port}/0?${new URLSearchParams({ ssl_ca_certs: this.tls.paths.ca })}`;
  }
  /** Connections that are open, in the order of arrival. */
  get connections(): ProxyConnection[] {
    return [...this.#open];
  }
  /** How often each kind of fault struck. */
  get strikes(): ReadonlyMap<ProxyFaultKind, number> {
    return this.#struck;
  }

  /**
   * Asks `handler` about every frame of a kind; the first handler that names a fault decides. `'fault'` is told
   * after each fault. The result takes the handler back.
   *
   * @example
   * ```ts
   * const off = proxy.on('reply', ({ index }) => (index === 3 ? 'duplicate' : undefined));
   * off();
   * ```
   */
  on(event: 'command' | 'reply' | 'push', handler: ProxyFrameHandler): () => void;
  on(event: 'fault', handler: (strike: ProxyStrike) => void): () => void;
  on(
    event: ProxyFrame['kind'] | 'fault',
    handler: ProxyFrameHandler | ((strike: ProxyStrike) => void),
  ): () => void {
    const list: unknown[] = event === 'fault' ? this.#observers : this.#handlers[event];
    list.push(handler);
    return () => {
      const at = list.indexOf(handler);
      if (at >= 0) list.splice(at, 1);
    };
  }

  /** Replaces the probabilities. */
  setRates(rates: ProxyRates): void {
    this.#rates = ratesOf(rates);
  }

  /** Sets the quality of the line, in one direction or both: `proxy.setLine({ delay: 50 }, 'to-client')`. */
  setLine(line: ProxyLine, direction: ProxyDirection | 'both' = 'both'): void {
    for (const way of ['to-server', 'to-client'] as const)
      if (direction === 'both' || direction === way) this.#lines[way] = { ...line };
  }

  /** RST on every open connection. */
  reset(): void {
    for (const connection of this.connections) connection.reset();
  }

  /** FIN in one direction of every open connection. */
  halfClose(direction: ProxyDirection): void {
    for (const connection of this.connections) connection.halfClose(direction);
  }

  /** Nothing passes any more on connections that are open; new ones work. */
  blackHole(direction: ProxyDirection | 'both' = 'both'): void {
    for (const connection of this.connections) connection.blackHole(direction);
  }

  /** Nothing is read any more: what is sent piles up in the kernel, then in the sender. `thaw` goes on from there. */
  freeze(): void {
    if (this.#frozen !== null) return;
    this.#frozen = new Promise((resolve) => (this.#thaw = resolve));
    for (const connection of this.connections) connection.pauseReading();
  }

  thaw(): void {
    this.#frozen = null;
    this.#thaw?.();
    this.#thaw = null;
    for (const connection of this.connections) connection.resumeReading();
  }

  /** Dials are refused (ECONNREFUSED; ENOENT on a Unix socket) until `accept`. Open connections stay. */
  async refuse(): Promise<void> {
    const listener = this.#listener;
    if (!listener.listening) return;
    // Do not wait for the callback of `close`: it comes after the last connection, but the port is free at once.
    listener.close();
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Dials succeed and nothing ever answers, until `accept`. */
  neverAnswer(): void {
    this.#accepting = 'never-answers';
  }

  /** Dials succeed and are reset at once, until `accept`. */
  resetDials(): void {
    this.#accepting = 'resets';
  }

  /** Takes connections again, on the same port. */
  async accept(): Promise<void> {
    this.#accepting = 'passes';
    if (this.#listener.listening) return;
    this.#listener = this.#makeListener();
    await this.#listen(this.#port);
  }

  /** No further faults: no rates, no script, a good line; connections that have lost bytes are reset. */
  async heal(): Promise<void> {
    this.#rates = [];
    this.setLine({});
    for (const list of Object.values(this.#handlers)) list.length = 0;
    this.thaw();
    for (const connection of this.connections) if (connection.lossy) connection.reset();
    for (const socket of this.#mute) socket.destroy();
    await this.accept();
  }

  async close(): Promise<void> {
    this.thaw();
    this.reset();
    for (const socket of this.#mute) socket.destroy();
    const listener = this.#listener;
    if (listener.listening) await new Promise((resolve) => listener.close(resolve));
    if (this.socketPath !== null) rmSync(this.socketPath, { force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #armed(): boolean {
    const { command, reply, push } = this.#handlers;
    return this.#rates.length > 0 || command.length + reply.length + push.length > 0;
  }

  #scripted(frame: ProxyFrame, connection: ProxyConnection): ProxyFaultChoice | undefined {
    for (const handler of [...this.#handlers[frame.kind]]) {
      const choice = handler(frame, connection);
      if (choice !== undefined) return choice;
    }
    return undefined;
  }

  #strike(strike: ProxyStrike): void {
    this.#struck.set(strike.kind, (this.#struck.get(strike.kind) ?? 0) + 1);
    for (const observer of [...this.#observers]) observer(strike);
  }

  async #listen(number: number): Promise<void> {
    if (this.socketPath !== null) rmSync(this.socketPath, { force: true });
    const listener = this.#listener;
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject);
      if (this.socketPath === null) listener.listen({ port: number, host: this.host }, resolve);
      else listener.listen({ path: this.socketPath }, resolve);
    });
    if (this.socketPath === null) this.#port = (listener.address() as AddressInfo).port;
  }

  #makeListener(): Server {
    const options = { noDelay: true, allowHalfOpen: true };
    if (this.tls === null) return createServer(options, (socket) => this.#take(socket, socket));
    const { cert, key, ca, mutual } = this.tls;
    const asked = { ...options, cert, key, ca, requestCert: true, rejectUnauthorized: mutual };
    // Keep the plain sockets, because only they can be reset.
    const plain = new Map<number | undefined, Socket>();
    const listener = createTlsServer(asked, (secure) =>
      this.#take(secure, plain.get(secure.remotePort) ?? secure),
    );
    listener.on('connection', (socket: Socket) => {
      const { remotePort } = socket;
      plain.set(remotePort, socket);
      socket.once('close', () => plain.delete(remotePort));
    });
    listener.on('tlsClientError', () => {});
    return listener;
  }

  #take(client: Socket, plain: Socket): void {
    client.on('error', () => {});
    if (this.#accepting === 'resets') return void plain.resetAndDestroy();
    if (this.#accepting === 'never-answers') {
      this.#mute.add(client);
      client.resume();
      // Destroy the socket of a client that gives up; otherwise it would stay as long as the proxy.
      client.once('end', () => client.destroy());
      client.once('close', () => this.#mute.delete(client));
      return;
    }
    const id = ++this.#accepted;
    const random = seededRandom(this.seed + id * 7919);
    const connection = new ProxyConnection(id, this.#ends(client, plain), this.#owner, random);
    if (this.#frozen !== null) connection.pauseReading();
    this.#open.add(connection);
  }

  #ends(client: Socket, plain: Socket): ProxyEnds {
    const socket =
      this.#target instanceof TCPLocation
        ? createConnection({
            host: this.#target.host,
            port: this.#target.port,
            noDelay: true,
            allowHalfOpen: true,
          })
        : createConnection({ path: String(this.#target), allowHalfOpen: true });
    socket.on('error', () => {});
    if (this.#targetTls === null) return { client, server: socket, sockets: [plain, socket] };
    const { ca, clientCert: cert, clientKey: key } = this.#targetTls;
    const server = connectTls({ socket, ca, cert, key, checkServerIdentity: () => undefined });
    return { client, server, sockets: [plain, socket] };
  }
}
nameClass(FaultProxy, 'FaultProxy');

function ratesOf(rates: ProxyRates): [ProxyFaultKind, number][] {
  return Object.entries(rates).filter((entry): entry is [ProxyFaultKind, number] => {
    const [kind, rate] = entry;
    checkKind(kind);
    if (rate !== undefined && !(rate >= 0 && rate <= 1))
      throw new TypeError(`rates.${kind} must be a probability from 0 to 1`);
    return rate !== undefined && rate > 0;
  });
}
