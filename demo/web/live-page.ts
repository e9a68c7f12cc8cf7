import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import { type Sample, Watcher } from './watcher.ts';

const INTERVAL = 500;
/** A page that is opened late sees so much of what was before. */
const HISTORY = 120;

/** Serves one page, on loopback only, that draws what the watcher sees; server-sent events carry the samples. */
export class LivePage implements AsyncDisposable {
  readonly url: string;
  readonly #server: Server;
  readonly #timer: NodeJS.Timeout;
  readonly #readers = new Set<ServerResponse>();
  readonly #samples: Sample[] = [];

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const watcher = new Watcher();
    this.#timer = setInterval(() => {
      const sample = watcher.take();
      // The last picture stays when the demo is over.
      if (sample !== null) this.#add(sample);
    }, INTERVAL);
  }

  /** `root`: the folder of the project, which holds the page. */
  static async start(root: string): Promise<LivePage> {
    const html = readFileSync(join(root, 'demo', 'web', 'page.html'));
    const server = createServer((request, response) => {
      if (request.url === '/samples') return page.#stream(response);
      if (request.url !== '/') return void response.writeHead(404).end();
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(html);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const page = new LivePage(server);
    return page;
  }

  #stream(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    for (const sample of this.#samples) response.write(lineOf(sample));
    this.#readers.add(response);
    response.on('close', () => this.#readers.delete(response));
  }

  #add(sample: Sample): void {
    this.#samples.push(sample);
    if (this.#samples.length > HISTORY) this.#samples.shift();
    for (const reader of this.#readers) reader.write(lineOf(sample));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    for (const reader of this.#readers) reader.end();
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }
}

function lineOf(sample: Sample): string {
  return `data: ${JSON.stringify(sample)}\n\n`;
}
