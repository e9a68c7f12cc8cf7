import { Duplex } from 'node:stream';
import { BaseConnection } from '../../../src/connection/base-connection.ts';
import { CommandReader } from '../../../src/testkit/scripted/command-reader.ts';
import { TCPLocation } from '../../../src/transport/location.ts';

const HELLO = '%3\r\n+version\r\n+7.2.0\r\n+proto\r\n:3\r\n+id\r\n:7\r\n';

/** A server that answers in the middle of the write of a request. */
export class AnsweringDuplex extends Duplex {
  onCommand: (name: string) => void = () => {};
  readonly #reader = new CommandReader();
  #skip = false;

  async connect(): Promise<BaseConnection> {
    const connection = new AnsweredConnection(this);
    await connection.run();
    return connection;
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    let answer = '';
    for (const words of this.#reader.write(chunk)) {
      const [name = '', ...args] = words.map((word) => word.toString('latin1'));
      const skip = this.#skip;
      this.#skip = name === 'CLIENT' && args.join(' ') === 'REPLY SKIP';
      if (!skip && !this.#skip) answer += this.#answer(name, args);
      if (name !== 'BREAK') continue;
      if (answer !== '') this.push(answer, 'latin1');
      answer = '';
      this.onCommand(name);
    }
    if (answer !== '' && !this.destroyed) this.push(answer, 'latin1');
    done();
  }

  override _final(done: () => void): void {
    this.push(null);
    done();
  }

  #answer(name: string, [first = '']: string[]): string {
    if (name === 'HELLO') return HELLO;
    if (name === 'ECHO') return `$${first.length}\r\n${first}\r\n`;
    if (name === 'STRLEN') return `:${first.length}\r\n`;
    return name === 'BREAK' ? '' : '+OK\r\n';
  }
}

class AnsweredConnection extends BaseConnection {
  readonly #peer: Duplex;

  constructor(peer: Duplex) {
    super(new TCPLocation('memory', 1), { decodeResponses: true });
    this.#peer = peer;
  }
  protected override openTransport(): Promise<Duplex> {
    return Promise.resolve(this.#peer);
  }
}
