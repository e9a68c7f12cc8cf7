import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net';
import { TCPLocation } from '../../src/index.ts';

/** The same numbers in every run. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  for (let round = 0; round < 5; round++) next();
  return next;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** One direction of a connection. What is done to a chunk is done before the next one is looked at. */
class Pipe {
  readonly #random: () => number;
  readonly #pair: Pair;
  readonly #to: Socket;
  #queue = Promise.resolve();
  /** Nothing passes any more, and nobody is told. */
  swallows = false;

  constructor(pair: Pair, from: Socket, to: Socket, random: () => number) {
    this.#pair = pair;
    this.#to = to;
    this.#random = random;
    from.on('data', (chunk) => this.#take(chunk));
    from.on('end', () => this.#then(() => void to.end()));
    from.on('error', () => {});
    from.on('close', () => this.#then(() => pair.destroy()));
  }

  #then(step: () => void | Promise<void>): void {
    this.#queue = this.#queue.then(step);
  }

  #take(chunk: Buffer): void {
    if (this.swallows) return;
    const dice = this.#pair.faulty() ? this.#random() : 1;
    if (dice < 0.01) return this.#lose(chunk, dice);
    if (dice < 0.03) this.#then(() => pause(this.#random() * 40));
    else if (dice < 0.1) return this.#then(() => this.#drip(chunk));
    this.#then(() => void this.#to.write(chunk));
  }

  #lose(chunk: Buffer, dice: number): void {
    this.swallows = true;
    this.#pair.lossy = true;
    if (dice < 0.003) return;
    const part = chunk.subarray(0, Math.floor(this.#random() * chunk.length));
    this.#then(async () => {
      this.#to.write(part);
      await pause(1);
      if (dice < 0.007) this.#pair.reset();
      else this.#to.end();
    });
  }

  async #drip(chunk: Buffer): Promise<void> {
    for (let at = 0; at < chunk.length; at++) {
      // Long ones end in one piece.
      this.#to.write(at < 300 ? chunk.subarray(at, at + 1) : chunk.subarray(at));
      if (at >= 300) return;
      if (at % 16 === 0) await pause(0);
    }
  }
}

class Pair {
  readonly #sockets: readonly [Socket, Socket];
  readonly #gone: () => void;
  readonly faulty: () => boolean;
  lossy = false;

  constructor(
    client: Socket,
    port: number,
    random: () => number,
    faulty: () => boolean,
    gone: (pair: Pair) => void,
  ) {
    const server = createConnection({ host: '127.0.0.1', port, noDelay: true });
    this.#sockets = [client, server];
    this.faulty = faulty;
    this.#gone = () => gone(this);
    new Pipe(this, client, server, random);
    new Pipe(this, server, client, random);
  }
  reset(): void {
    // One that is ending cannot be reset any more: Node would keep its handle for ever.
    for (const socket of this.#sockets) socket.writableEnded ? socket.destroy() : socket.resetAndDestroy();
    this.#gone();
  }
  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#gone();
  }
}

/** Passes bytes on to a server, late, in pieces, in part, or not at all. */
export class FaultProxy implements AsyncDisposable {
  readonly #listener: Server;
  readonly #pairs = new Set<Pair>();
  #faulty = true;
  /** New connections are reset. */
  refuses = false;

  private constructor(port: number, random: () => number) {
    this.#listener = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
      client.on('error', () => {});
      if (this.refuses) return void client.resetAndDestroy();
      const forget = (pair: Pair): void => void this.#pairs.delete(pair);
      this.#pairs.add(new Pair(client, port, random, () => this.#faulty, forget));
    });
  }

  static async start({ port }: TCPLocation, random: () => number): Promise<FaultProxy> {
    const proxy = new FaultProxy(port, random);
    await new Promise<void>((resolve) => proxy.#listener.listen({ port: 0, host: '127.0.0.1' }, resolve));
    return proxy;
  }

  get location(): TCPLocation {
    return new TCPLocation('127.0.0.1', (this.#listener.address() as AddressInfo).port);
  }

  resetAll(): void {
    for (const pair of [...this.#pairs]) pair.reset();
  }
  /** No further faults; connections that have lost bytes end. */
  heal(): void {
    this.#faulty = false;
    this.refuses = false;
    for (const pair of [...this.#pairs]) if (pair.lossy) pair.reset();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.resetAll();
    await new Promise((resolve) => this.#listener.close(resolve));
  }
}
