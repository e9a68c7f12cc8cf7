import { createConnection, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { TCPLocation } from '../../../src/index.ts';

/** Passes bytes on to a server until it is told not to. */
export class WireProxy implements AsyncDisposable {
  readonly #listener: Server;
  readonly #target: TCPLocation;
  readonly #pairs = new Set<[client: Socket, server: Socket]>();
  /** Swallows what is sent either way on connections that are open; new ones work. */
  #swallowed = new WeakSet<Socket>();

  private constructor(target: TCPLocation) {
    this.#target = target;
    this.#listener = createServer({ noDelay: true }, (client) => this.#accept(client));
  }

  static async start(target: TCPLocation): Promise<WireProxy> {
    const proxy = new WireProxy(target);
    await new Promise<void>((resolve) => proxy.#listener.listen({ port: 0, host: '127.0.0.1' }, resolve));
    return proxy;
  }

  get location(): TCPLocation {
    return new TCPLocation('127.0.0.1', (this.#listener.address() as AddressInfo).port);
  }
  get open(): number {
    return this.#pairs.size;
  }

  /** Both sides stay open, and nothing passes any more. */
  blackHole(): void {
    for (const [client, server] of this.#pairs) {
      this.#swallowed.add(client);
      this.#swallowed.add(server);
    }
  }
  /** Holds bytes of the server back, then passes them on in order. */
  stall(ms: number): void {
    for (const [, server] of this.#pairs) {
      server.pause();
      setTimeout(() => server.resume(), ms);
    }
  }
  kill(): void {
    for (const [client, server] of this.#pairs) {
      client.destroy();
      server.destroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill();
    await new Promise((resolve) => this.#listener.close(resolve));
  }

  #accept(client: Socket): void {
    const server = createConnection({ host: this.#target.host, port: this.#target.port, noDelay: true });
    const pair: [Socket, Socket] = [client, server];
    this.#pairs.add(pair);
    for (const [from, to] of [pair, [server, client] as const]) {
      from.on('data', (chunk) => {
        if (!this.#swallowed.has(from)) to.write(chunk);
      });
      from.on('error', () => {});
      from.on('close', () => {
        this.#pairs.delete(pair);
        to.destroy();
      });
    }
  }
}
