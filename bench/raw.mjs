// A minimal client: fills the server with data, and is a fixed reference of the gate.
import { connect } from 'node:net';
import { once } from 'node:events';

const CR = 13;

/** Encodes one command. */
export function encode(args) {
  const parts = [`*${args.length}\r\n`];
  const chunks = [];
  for (const arg of args) {
    const bytes = Buffer.isBuffer(arg) ? arg : Buffer.from(String(arg));
    chunks.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat([Buffer.from(parts[0]), ...chunks]);
}

export class RawClient {
  #socket;
  #waiting = [];
  #head = 0;
  #rest = null;

  static async open(host, port) {
    const client = new RawClient();
    client.#socket = connect({ host, port, noDelay: true });
    client.#socket.on('data', (chunk) => client.#read(chunk));
    client.#socket.on('error', (error) => client.#fail(error));
    await once(client.#socket, 'connect');
    return client;
  }

  /** Sends `count` encoded commands in one write; resolves with their replies. */
  pipeline(bytes, count) {
    const all = [];
    for (let index = 0; index < count; index += 1) {
      all.push(new Promise((resolve, reject) => this.#waiting.push({ resolve, reject })));
    }
    this.#socket.write(bytes);
    return Promise.all(all);
  }

  async command(...args) {
    const [reply] = await this.pipeline(encode(args), 1);
    return reply;
  }

  close() {
    this.#socket.destroy();
  }

  #fail(error) {
    for (const { reject } of this.#waiting.splice(this.#head)) reject(error);
  }

  #read(chunk) {
    const data = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (at < data.length) {
      const end = data.indexOf(CR, at + 1);
      if (end < 0 || end + 1 >= data.length) break;
      const line = data.latin1Slice(at + 1, end);
      if (data[at] === 0x24 && line !== '-1') {
        const size = Number(line);
        if (data.length < end + 4 + size) break;
        this.#settle(data.latin1Slice(end + 2, end + 2 + size));
        at = end + 4 + size;
      } else {
        this.#settle(line);
        at = end + 2;
      }
    }
    this.#rest = at < data.length ? data.subarray(at) : null;
  }

  #settle(reply) {
    this.#waiting[this.#head].resolve(reply);
    this.#waiting[this.#head] = undefined;
    this.#head += 1;
    if (this.#head === this.#waiting.length) {
      this.#waiting.length = 0;
      this.#head = 0;
    }
  }
}
