import { createConnection, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { TCPLocation } from '../../src/index.ts';

/** An address that leads to one of several servers, as a service or a virtual IP does: open connections stay where they are. */
export class ServiceAddress implements AsyncDisposable {
  /** The server of the next connections. */
  target: TCPLocation;
  readonly #listener: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(target: TCPLocation) {
    this.target = target;
    this.#listener = createServer({ noDelay: true }, (client) => this.#accept(client));
  }

  static async start(target: TCPLocation): Promise<ServiceAddress> {
    const address = new ServiceAddress(target);
    await new Promise<void>((resolve) => address.#listener.listen({ port: 0, host: '127.0.0.1' }, resolve));
    return address;
  }

  get location(): TCPLocation {
    return new TCPLocation('127.0.0.1', (this.#listener.address() as AddressInfo).port);
  }
  /** Ends every connection. */
  kill(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill();
    await new Promise((resolve) => this.#listener.close(resolve));
  }

  #accept(client: Socket): void {
    const server = createConnection({ host: this.target.host, port: this.target.port, noDelay: true });
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(from);
      from.on('error', () => {});
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  }
}
