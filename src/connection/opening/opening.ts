import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { checkSignal, Deadline, type WaitOptions } from '../../base/deadline.ts';
import { demandKnown } from '../../base/known-options.ts';
import {
  AuthenticationFailureError,
  ConnectionError,
  ResponseError,
  TimeoutError,
} from '../../errors/errors.ts';
import type { Credentials } from '../../interfaces/credential-provider.ts';
import { silence } from '../requests/call.ts';
import type { ConnectionCore } from '../connection-core.ts';
import type { NormalizedConnectionOptions } from '../connection-options.ts';
import { type Greeting, greet, type HandshakeStep, laterSteps, runSteps } from './handshake.ts';
import { IdleWatch } from '../session/idle-watch.ts';
import { startDebugLog } from '../../telemetry/debug.ts';
import { reportReady, traceConnect } from './connection-events.ts';
import { explainFailure } from './opening-failure.ts';
import { checkWaitOptions } from '../requests/request-options.ts';

const LONGEST_PAUSE = 1000;

export interface OpeningHooks<C> {
  openTransport(signal: AbortSignal): Promise<Duplex>;
  callback(callback: (connection: C) => void | Promise<void>): void | Promise<void>;
}

/**
 * The whole life of a connection, from `run()` to the closed socket: dial, handshake, callbacks, ready, gone. One
 * deadline covers all steps up to ready.
 */
export class Opening<C> {
  readonly callbacks: ((connection: C) => void | Promise<void>)[] = [];
  /** Handshake steps that the connection class adds. */
  readonly steps: HandshakeStep[] = [];
  greeting: Greeting = { version: null, clientId: null };
  address: string | null = null;
  inCallbacks = false;
  /** HELLO was sent and has no answer yet. */
  #helloPending = false;
  readonly #core: ConnectionCore;
  readonly #options: NormalizedConnectionOptions;
  readonly #hooks: OpeningHooks<C>;
  readonly #closed: Promise<void>;
  #settleClosed!: () => void;
  #started = false;
  #stop: ((reason: unknown) => void) | null = null;
  /** A failure on the client side, after the server had accepted the connection. */
  #fault: Fault | null = null;

  constructor(core: ConnectionCore, options: NormalizedConnectionOptions, hooks: OpeningHooks<C>) {
    this.#core = core;
    this.#options = options;
    this.#hooks = hooks;
    this.#closed = new Promise((resolve) => {
      this.#settleClosed = resolve;
    });
  }

  async run(options?: { signal?: AbortSignal | undefined }): Promise<void> {
    if (this.#started) throw new TypeError('a connection cannot be reused: make another one');
    const signal = runSignal(options);
    this.#started = true;
    startDebugLog();
    const deadline = new Deadline(signal, this.#options.connectTimeout);
    const abort = new AbortController();
    const given = rejectable();
    given.promise.catch(() => {});
    this.#stop = (reason) => {
      given.reject(reason);
      abort.abort(reason);
    };
    try {
      if (this.#core.state === 'closed') throw this.#core.failure;
      if (deadline.aborted) throw deadline.reason;
      this.#core.move('dialling');
      deadline.watch({
        onAbort: (reason) => this.#stop?.(reason),
        onTimeout: () => this.#stop?.(this.#timeout()),
      });
      const begun = Date.now();
      const tls = this.#options.sslContext !== null;
      await traceConnect(this.#core, tls, () => this.#open(abort.signal, given.promise));
      reportReady(this.#core, this.greeting.version, begun);
    } catch (error) {
      const fault = this.#fault as Fault | null;
      const failure = explainFailure(
        this.#core,
        error,
        signal,
        fault !== null && fault.error === error ? fault.code : undefined,
      );
      if (this.#helloPending) hintAtHello(failure);
      this.#core.close(
        failure instanceof Error ? failure : new ConnectionError('aborted', { cause: failure }),
      );
      this.ended();
      throw failure;
    } finally {
      this.#stop = null;
      deadline.unwatch();
    }
  }

  /** The connection was ended from this side. */
  ended(): void {
    this.#stop?.(this.#core.failure);
    if (this.#core.transport === null) this.#settleClosed();
  }

  async waitClosed(options?: WaitOptions): Promise<void> {
    checkWaitOptions(options);
    const deadline = Deadline.of(options);
    deadline.signal?.throwIfAborted();
    const late = (): TimeoutError => new TimeoutError('the connection is still open', { phase: 'reply' });
    await deadline.wait(this.#closed, late);
  }

  async #open(signal: AbortSignal, stopped: Promise<never>): Promise<void> {
    const core = this.#core;
    const { maxIdleTime, noreply } = this.#options;
    const credentials = this.#credentials();
    credentials.catch(() => {});
    this.#attach(await this.#dial(signal, stopped));
    const auth = await Promise.race([credentials.catch(this.#ownFault('RESPOOL_CREDENTIALS')), stopped]);
    await Promise.race([this.#shakeHands(auth), stopped]);
    if (this.#options.resp2Replies) core.reception.readAsResp2();
    await this.#callbacks(stopped);
    // Bytes that came with the last reply may have ended the connection.
    if (core.state === 'closed') throw core.failure;
    if (noreply) silence(core);
    core.session.settleBaseline();
    core.move('ready');
    if (maxIdleTime !== null)
      core.idleWatch = new IdleWatch(core, maxIdleTime, () => this.#idle(maxIdleTime));
  }

  async #dial(signal: AbortSignal, stopped: Promise<never>): Promise<Duplex> {
    const dialled = Promise.resolve(this.#hooks.openTransport(signal)).then(demandDuplex);
    // Nobody owns a transport that opens after the abort.
    dialled.then(
      (transport) => (signal.aborted ? transport.destroy() : undefined),
      () => {},
    );
    const transport = await Promise.race([dialled, stopped]);
    if (!signal.aborted) return transport;
    transport.destroy();
    throw signal.reason;
  }

  async #shakeHands(credentials: Credentials | null): Promise<void> {
    const core = this.#core;
    const { streamTimeout } = this.#options;
    try {
      this.#helloPending = this.#options.protocol !== 2;
      this.greeting = await greet(core, credentials, this.#options);
      this.#helloPending = false;
      core.clientId = this.greeting.clientId;
      await runSteps(core, [...laterSteps(this.#options), ...this.steps], streamTimeout);
    } catch (error) {
      if (error instanceof AuthenticationFailureError && this.#options.credentialProvider === null)
        hintAtEscapes(error, credentials);
      if (error instanceof ResponseError && error.command === 'SELECT')
        hintAtDatabases(error, this.#options.db);
      if (!(error instanceof TimeoutError)) throw error;
      const { message, command, endpoint } = error;
      throw new TimeoutError(message, { phase: 'connect', command, endpoint, cause: error });
    }
  }

  async #callbacks(stopped: Promise<never>): Promise<void> {
    for (const callback of this.callbacks) {
      this.inCallbacks = true;
      try {
        const called = (async () => this.#hooks.callback(callback))();
        await Promise.race([called.catch(this.#ownFault('RESPOOL_CALLBACK')), stopped]);
      } finally {
        this.inCallbacks = false;
      }
    }
  }

  /** Notes a failure on the client side, so that the error carries `code`. */
  #ownFault(code: string): (error: unknown) => never {
    return (error) => {
      if (this.#core.state !== 'closed') this.#fault = { error, code };
      throw error;
    };
  }

  #attach(transport: Duplex): void {
    const core = this.#core;
    core.attach(transport);
    if (transport instanceof Socket && transport.remoteAddress !== undefined) {
      this.address = `${transport.remoteAddress}:${transport.remotePort}`;
    } else {
      this.address = core.settings.endpoint;
    }
    let failure: Error | null = null;
    const lost = (): void => {
      const cause = failure ?? undefined;
      const detail = failure === null ? 'the peer closed it' : failure.message;
      core.close(core.error(ConnectionError, `lost: ${detail}`, { cause }));
    };
    transport.on('error', (error: Error) => {
      failure ??= error;
      lost();
    });
    transport.on('end', lost);
    transport.on('close', () => {
      lost();
      this.#gone();
    });
    transport.on('data', (chunk: Buffer | string) => {
      const bytes =
        typeof chunk === 'string' ? Buffer.from(chunk, transport.readableEncoding ?? 'utf8') : chunk;
      core.received(bytes, bytes.length);
    });
    if (transport.destroyed) lost();
    if (transport.closed) this.#settleClosed();
    // A server at maxclients sends its error unasked, perhaps before the transport was attached.
    if (core.state === 'closed') throw core.failure;
  }

  /** Waits until the transport is gone. Sockets emit 'close'; other duplexes may not, so they are polled. */
  destroyed(): void {
    const { transport } = this.#core;
    if (transport !== null && !(transport instanceof Socket)) setImmediate(() => this.#look(transport, 1));
  }

  #gone(): void {
    this.#stop?.(this.#core.failure);
    this.#settleClosed();
  }

  #look(transport: Duplex, pause: number): void {
    if (transport.closed === false) {
      setTimeout(() => this.#look(transport, Math.min(pause * 2, LONGEST_PAUSE)), pause).unref();
    } else this.#gone();
  }

  async #credentials(): Promise<Credentials | null> {
    const { credentialProvider, username, password } = this.#options;
    if (credentialProvider !== null) return checkCredentials(await credentialProvider.getCredentials());
    if ((username ?? '') === '' && (password ?? '') === '') return null;
    return {
      username: username === null || username === '' ? 'default' : username,
      password: password ?? '',
    };
  }

  #idle(limit: number): void {
    const cause = new TimeoutError(`the server said nothing for ${limit} ms (maxIdleTime)`, {
      phase: 'reply',
    });
    this.#core.close(this.#core.error(ConnectionError, cause.message, { cause }));
  }

  #timeout(): TimeoutError {
    const limit = this.#options.connectTimeout;
    return new TimeoutError(`not usable within ${limit} ms (connectTimeout)`, {
      phase: 'connect',
      endpoint: this.#core.settings.endpoint,
    });
  }
}

const ESCAPE = /%[0-9a-f]{2}/i;
const ESCAPE_HINT =
  ' (the user name or password holds %xx, which was taken as written: decodeComponents=true in a URL decodes it)';

/** Other clients decode the userinfo of a URL, the likeliest reason why credentials with %xx are refused. */
function hintAtEscapes(error: Error, credentials: Credentials | null): void {
  if (credentials === null) return;
  if (ESCAPE.test(credentials.username) || ESCAPE.test(credentials.password)) error.message += ESCAPE_HINT;
}

/** Some proxies ignore an unknown HELLO, or close the connection. */
function hintAtHello(failure: unknown): void {
  if (failure instanceof ConnectionError && failure.code === 'RESPOOL_CONNECTION')
    failure.message += ' (HELLO was not answered: a proxy that does not know it needs protocol: 2)';
}

/** Says which setting to raise: servers send the same error when more databases could be configured. */
function hintAtDatabases(error: Error, db: number): void {
  if (error.message.includes('cluster mode') || error.message.includes('out of range'))
    error.message += ` (db ${db}: a cluster has more than one database from Valkey 9.0 on, with cluster-databases; a single server has as many as its setting databases says)`;
}

/** A provider that returns null or undefined means no credentials. */
function checkCredentials(given: Credentials | null | undefined): Credentials | null {
  if (given === null || given === undefined) return null;
  const { username, password } = given as Partial<Credentials>;
  if (typeof username === 'string' && typeof password === 'string') return given;
  throw new TypeError('a credential provider must return { username, password } with two strings');
}

/** Checks by shape, because a `Duplex` may come from another copy of the class. */
function demandDuplex(transport: Duplex): Duplex {
  const given = transport as Partial<Duplex> | null | undefined;
  const methods = ['on', 'write', 'destroy'] as const;
  if (methods.every((method) => typeof given?.[method] === 'function')) return transport;
  throw new TypeError(
    `openTransport must return a Duplex; it returned ${given === null ? 'null' : typeof given}`,
  );
}

interface Fault {
  readonly error: unknown;
  readonly code: string;
}

const OF_RUN: ReadonlySet<string> = new Set(['signal']);
function runSignal(options: { signal?: AbortSignal | undefined } | undefined): AbortSignal | null {
  if (options === undefined) return null;
  demandKnown(options, OF_RUN, 'run()');
  return checkSignal('signal', options.signal);
}

/** A promise that never resolves and can be rejected from outside. */
function rejectable(): { promise: Promise<never>; reject: (reason: unknown) => void } {
  let reject!: (reason: unknown) => void;
  const promise = new Promise<never>((_, no) => {
    reject = no;
  });
  return { promise, reject };
}
