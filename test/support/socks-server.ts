import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

const NO_AUTHENTICATION = Buffer.from([5, 0]);
const CONNECTED = Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
const IPV4 = 1;

/** A SOCKS 5 proxy on loopback without authentication, for IPv4 addresses and host names. */
export class SocksServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor() {
    this.#server = createServer((client) => {
      this.#keep(client);
      this.#serve(client).catch(() => client.destroy());
    });
  }

  static async start(): Promise<SocksServer> {
    const proxy = new SocksServer();
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async #serve(client: Socket): Promise<void> {
    await once(client, 'data'); // the greeting
    client.write(NO_AUTHENTICATION);
    const [request] = (await once(client, 'data')) as [Buffer];
    const length = request[4] ?? 0;
    const host =
      request[3] === IPV4 ? request.subarray(4, 8).join('.') : request.toString('latin1', 5, 5 + length);
    const upstream = connect({ host, port: request.readUInt16BE(request.length - 2) });
    this.#keep(upstream);
    await once(upstream, 'connect');
    client.write(CONNECTED);
    client.pipe(upstream).pipe(client);
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy()).once('close', () => this.#sockets.delete(socket));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
