import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectSecure } from 'node:tls';
import { isUint8Array } from 'node:util/types';
import { ReplyReader } from './reply-reader.ts';

export interface RawClientOptions {
  readonly host: string;
  readonly port: number;
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string } | undefined;
  /** Commands sent first on every connection. Errors are ignored, because the next command fails too. */
  readonly prelude?: readonly (readonly string[])[] | undefined;
}

type RawArgument = string | number | Uint8Array;

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

function encode(command: readonly RawArgument[]): Buffer {
  const parts: Uint8Array[] = [Buffer.from(`*${command.length}\r\n`)];
  for (const argument of command) {
    const bytes = isUint8Array(argument) ? argument : Buffer.from(String(argument));
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat(parts);
}

/** A RESP2 client of the testkit's own, independent of the code under test. */
export class RawClient {
  readonly #options: RawClientOptions;
  #socket: Socket | null = null;
  #waiting: Waiting[] = [];

  constructor(options: RawClientOptions) {
    this.#options = options;
  }

  /** Sends a command. Rejects with an error reply, or if no reply comes within `timeout`. */
  async command(command: readonly RawArgument[], timeout = 10_000): Promise<unknown> {
    const [reply] = await this.pipeline([command], timeout);
    if (reply instanceof Error) throw reply;
    return reply;
  }

  /** Sends commands in one write; error replies become elements of the result. */
  async pipeline(commands: readonly (readonly RawArgument[])[], timeout = 10_000): Promise<unknown[]> {
    const socket = (this.#socket ??= this.#connect());
    socket.ref();
    let timer: NodeJS.Timeout | undefined;
    const expired = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const what = String(commands[0]?.[0]);
        const error = new Error(
          `respool/testkit: no reply to ${what} from port ${this.#options.port} in ${timeout} ms`,
        );
        reject(error);
        this.#fail(socket, error);
      }, timeout);
    });
    try {
      return await Promise.race([this.#send(socket, commands), expired]);
    } finally {
      clearTimeout(timer);
      if (this.#waiting.length === 0) socket.unref();
    }
  }

  close(): void {
    if (this.#socket !== null) this.#fail(this.#socket, new Error('respool/testkit: closed'));
  }

  #send(socket: Socket, commands: readonly (readonly RawArgument[])[]): Promise<unknown[]> {
    const replies = Promise.all(
      commands.map(
        () =>
          new Promise<unknown>((resolve, reject) => {
            this.#waiting.push({ resolve, reject });
          }),
      ),
    );
    socket.write(Buffer.concat(commands.map(encode)));
    return replies;
  }

  #connect(): Socket {
    const { host, port, tls, prelude = [] } = this.#options;
    const socket =
      tls === undefined
        ? connectPlain({ host, port, noDelay: true })
        : connectSecure({
            host,
            port,
            ...tls,
            checkServerIdentity: () => undefined,
            rejectUnauthorized: false,
          });
    const reader = new ReplyReader((reply) => this.#waiting.shift()?.resolve(reply));
    socket.on('data', (chunk: Buffer) => reader.write(chunk));
    socket.on('error', (error) => this.#fail(socket, error));
    socket.on('close', () =>
      this.#fail(socket, new Error(`respool/testkit: port ${port} closed the connection`)),
    );
    const hello = [...prelude, ['CLIENT', 'SETNAME', 'respool-testkit']];
    const ignore = (): void => {};
    for (const _ of hello) this.#waiting.push({ resolve: ignore, reject: ignore });
    socket.write(Buffer.concat(hello.map(encode)));
    return socket;
  }

  #fail(socket: Socket, error: Error): void {
    socket.destroy();
    if (this.#socket !== socket) return;
    this.#socket = null;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const one of waiting) one.reject(error);
  }
}
