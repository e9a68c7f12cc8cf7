import { randomBytes } from 'node:crypto';
import { startServer, type TestServer } from '../src/testkit/index.ts';

/** The server of a demo: the one that REDIS_URL names, else one started for the occasion. */
export class Target implements AsyncDisposable {
  readonly url: string;
  readonly about: string;
  /** Everything the demo writes begins with it. */
  readonly prefix = `respool:demo:${randomBytes(4).toString('hex')}:`;
  readonly #server: TestServer | null;

  private constructor(url: string, about: string, server: TestServer | null) {
    this.url = url;
    this.about = about;
    this.#server = server;
  }

  static async find(): Promise<Target> {
    const given = process.env['REDIS_URL'];
    if (given !== undefined && given !== '') return new Target(given, 'the server of REDIS_URL', null);
    const server = await startServer();
    const name = server.kind === 'valkey' ? 'Valkey' : 'Redis';
    return new Target(server.url, `${name} ${server.version}, started for this demo`, server);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.stop();
  }
}
