import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

/** Longest wait for an answer of the browser, and for what a page is to show. */
const PATIENCE = 30_000;
const PAUSE = 100;
/** `scripts/test.mjs` finds it, or installs it. */
const BROWSER = process.env['CHROMIUM'] || 'chromium';

/** The size of the window in pixels. */
interface Size {
  readonly width: number;
  readonly height: number;
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

/** The errors of the page: console errors, exceptions and failed loads. */
function errorIn({ method, params = {} }: Message): string | null {
  const { type, entry, exceptionDetails } = params as {
    type?: string;
    entry?: { level: string; text: string; url?: string };
    exceptionDetails?: { text: string; exception?: { description?: string } };
  };
  if (method === 'Runtime.exceptionThrown')
    return exceptionDetails?.exception?.description ?? exceptionDetails?.text ?? 'an exception';
  if (method === 'Log.entryAdded' && entry?.level === 'error') return `${entry.text} ${entry.url ?? ''}`;
  if (method === 'Runtime.consoleAPICalled' && type === 'error') return JSON.stringify(params['args']);
  return null;
}

/** One page in a headless Chromium, driven by the protocol of its developer tools over a pipe. */
export class ChromiumPage implements AsyncDisposable {
  /** Errors of the page since it was opened. */
  readonly errors: string[] = [];
  readonly #process: ChildProcess;
  readonly #folder: string;
  readonly #waiting = new Map<number, (message: Message) => void>();
  #session = '';
  #last = 0;
  #rest = '';
  #failure: string | null = null;

  private constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), 'respool-chromium-'));
    const flags = [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--no-first-run',
    ];
    const own = [`--user-data-dir=${this.#folder}`, '--remote-debugging-pipe'];
    this.#process = spawn(BROWSER, [...flags, ...own], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    });
    this.#process.on('error', ({ message }) => {
      this.#failure = `${message}: install Chromium (apt-get install chromium), or name one in the variable CHROMIUM`;
      for (const answer of this.#waiting.values()) answer({ error: { message: this.#failure } });
    });
    // A late answer of a browser that has ended.
    for (const pipe of [3, 4]) this.#process.stdio[pipe]?.on('error', () => {});
    const answers = this.#process.stdio[4] as Readable;
    answers.setEncoding('utf8').on('data', (text: string) => this.#received(text));
  }

  static async open(url: string, size: Size): Promise<ChromiumPage> {
    const page = new ChromiumPage();
    try {
      await page.#begin(url, size);
      return page;
    } catch (error) {
      await page[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #begin(url: string, { width, height }: Size): Promise<void> {
    const { targetId } = await this.#ask('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.#ask('Target.attachToTarget', { targetId, flatten: true });
    this.#session = String(sessionId);
    for (const domain of ['Page', 'Runtime', 'Log']) await this.#ask(`${domain}.enable`, {});
    const metrics = { width, height, deviceScaleFactor: 1, mobile: false };
    await this.#ask('Emulation.setDeviceMetricsOverride', metrics);
    await this.#ask('Page.navigate', { url });
    await this.until(`location.href === ${JSON.stringify(url)} && document.readyState === 'complete'`);
  }

  /** The value of an expression in the page. */
  async evaluate<R>(expression: string): Promise<R> {
    const answer = await this.#ask('Runtime.evaluate', {
      expression,
      returnByValue: true,
      awaitPromise: true,
    });
    const { result, exceptionDetails } = answer as {
      result?: { value: R };
      exceptionDetails?: { text: string };
    };
    if (exceptionDetails !== undefined) throw new Error(`${expression}: ${exceptionDetails.text}`);
    return result?.value as R;
  }

  /** Waits until the expression has a value that is true, and answers it. */
  async until<R>(expression: string, patience = PATIENCE): Promise<R> {
    const limit = Date.now() + patience;
    for (;;) {
      const value = await this.evaluate<R>(expression);
      if (value) return value;
      if (Date.now() > limit)
        throw new Error(`the page does not come to ${expression}: ${this.errors.join('; ')}`);
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }

  /** A picture of all of the page, as PNG. */
  async picture(): Promise<Buffer> {
    const { data } = await this.#ask('Page.captureScreenshot', { format: 'png' });
    return Buffer.from(String(data), 'base64');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = new Promise((resolve) => this.#process.once('exit', resolve));
    if (this.#process.exitCode === null && this.#failure === null) {
      this.#process.kill('SIGKILL');
      await gone;
    }
    // Children of the browser may still write files, so removing is tried again.
    for (let tries = 1; ; tries++) {
      try {
        rmSync(this.#folder, { recursive: true, force: true });
        return;
      } catch (error) {
        if (tries === 50) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  #ask(method: string, params: object): Promise<Record<string, unknown>> {
    const id = ++this.#last;
    if (this.#failure !== null) return Promise.reject(new Error(this.#failure));
    const session = this.#session === '' ? {} : { sessionId: this.#session };
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`Chromium does not answer ${method}`)), PATIENCE);
      this.#waiting.set(id, ({ result = {}, error }) => {
        clearTimeout(timer);
        if (error === undefined) resolve(result);
        else reject(new Error(`${method}: ${error.message}`));
      });
      const input = this.#process.stdio[3] as Writable;
      input.write(`${JSON.stringify({ id, method, params, ...session })}\0`);
    });
  }

  #received(text: string): void {
    const messages = (this.#rest + text).split('\0');
    this.#rest = messages.pop() ?? '';
    for (const each of messages) {
      const message = JSON.parse(each) as Message;
      const error = errorIn(message);
      if (error !== null) this.errors.push(error);
      if (message.id === undefined) continue;
      this.#waiting.get(message.id)?.(message);
      this.#waiting.delete(message.id);
    }
  }
}
