import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { reportCallbackError } from '../../base/callback-errors.ts';
import {
  checkBytes,
  faultOf,
  faultOfKind,
  isOfBytes,
  losesBytes,
  type ProxyDirection,
  type ProxyFault,
  type ProxyFaultChoice,
  type ProxyFaultKind,
  type ProxyFrame,
  type ProxyLine,
} from './faults.ts';
import { commandWords, type Piece } from './frame-scanner.ts';
import { type PipeOwner, ProxyPipe } from './proxy-pipe.ts';

/** The methods of the proxy that its connections use. */
export interface ProxyOwner {
  armed(): boolean;
  line(direction: ProxyDirection): ProxyLine;
  frozen(): Promise<void> | null;
  /** The script's fault for a frame; `undefined` for none. */
  scripted(frame: ProxyFrame, connection: ProxyConnection): ProxyFaultChoice | undefined;
  rates(direction: ProxyDirection): readonly (readonly [ProxyFaultKind, number])[];
  struck(kind: ProxyFaultKind, direction: ProxyDirection, connection: ProxyConnection): void;
  gone(connection: ProxyConnection): void;
}

/** The two ends of a connection (decrypted, with TLS) and the plain sockets below them. */
export interface ProxyEnds {
  readonly client: Duplex;
  readonly server: Duplex;
  readonly sockets: readonly Socket[];
}

/** Commands answered by pushes. */
const ANSWERED_BY_PUSHES = new Set([
  'SUBSCRIBE',
  'UNSUBSCRIBE',
  'PSUBSCRIBE',
  'PUNSUBSCRIBE',
  'SSUBSCRIBE',
  'SUNSUBSCRIBE',
]);
/** Commands with subcommands, whose name includes the second word. */
const CONTAINERS = new Set([
  'CLIENT',
  'CLUSTER',
  'CONFIG',
  'SENTINEL',
  'SCRIPT',
  'FUNCTION',
  'ACL',
  'COMMAND',
]);

/** One connection through a proxy. */
export class ProxyConnection {
  /** 1, 2, … in the order of arrival. */
  readonly id: number;
  readonly #ends: ProxyEnds;
  readonly #owner: ProxyOwner;
  readonly #up: ProxyPipe;
  readonly #down: ProxyPipe;
  readonly #random: () => number;
  /** Commands that wait for their replies. */
  readonly #waiting: string[] = [];
  readonly #counts = { command: 0, reply: 0, push: 0 };
  #open = true;
  #lossy = false;

  /** @internal */
  constructor(id: number, ends: ProxyEnds, owner: ProxyOwner, random: () => number) {
    this.id = id;
    this.#ends = ends;
    this.#owner = owner;
    this.#random = random;
    const pipes: PipeOwner = {
      random,
      line: (direction) => owner.line(direction),
      armed: () => owner.armed(),
      frozen: () => owner.frozen(),
      judge: (direction, piece) => this.#judge(direction, piece),
      reset: () => this.reset(),
      destroy: () => this.destroy(),
    };
    this.#up = new ProxyPipe(pipes, 'to-server', ends.client, ends.server);
    this.#down = new ProxyPipe(pipes, 'to-client', ends.server, ends.client);
    for (const end of [ends.client, ends.server]) end.on('close', () => this.#closed(end));
  }

  get open(): boolean {
    return this.#open;
  }
  /** Bytes were lost or made up: the connection is not to be trusted any more. */
  get lossy(): boolean {
    return this.#lossy;
  }

  /** RST to both sides, where the transport has it (not on Unix sockets). */
  reset(): void {
    for (const socket of this.#ends.sockets) {
      try {
        // A socket that is ending cannot be reset: Node would keep its handle for ever.
        if (socket.writableEnded) socket.destroy();
        else socket.resetAndDestroy();
      } catch {
        socket.destroy();
      }
    }
    this.destroy();
  }

  /** Closes both sides without ceremony. */
  destroy(): void {
    this.#ends.client.destroy();
    this.#ends.server.destroy();
    for (const socket of this.#ends.sockets) socket.destroy();
    this.#forget();
  }

  /** FIN in one direction; what comes from there is swallowed from now on, the other direction stays open. */
  halfClose(direction: ProxyDirection): void {
    this.#pipe(direction).swallows = true;
    this.#lossy = true;
    (direction === 'to-client' ? this.#ends.client : this.#ends.server).end();
  }

  /** Nothing passes any more; neither side gets an error. */
  blackHole(direction: ProxyDirection | 'both' = 'both'): void {
    this.#lossy = true;
    for (const way of ['to-server', 'to-client'] as const)
      if (direction === 'both' || direction === way) this.#pipe(way).swallows = true;
  }

  /**
   * Injects bytes: a reply or a push to the client, a command to the server. Text is latin1.
   *
   * @throws {TypeError} there are no bytes
   */
  inject(bytes: string | Uint8Array, direction: ProxyDirection = 'to-client'): void {
    checkBytes('inject', bytes);
    this.#lossy = true;
    this.#pipe(direction).send(bytes);
  }

  /** @internal */
  pauseReading(): void {
    this.#ends.client.pause();
    this.#ends.server.pause();
  }
  /** @internal */
  resumeReading(): void {
    this.#ends.client.resume();
    this.#ends.server.resume();
  }

  #pipe(direction: ProxyDirection): ProxyPipe {
    return direction === 'to-client' ? this.#down : this.#up;
  }

  /** Closes both sides; but if the server closes, a black hole keeps the client's side open. */
  #closed(end: Duplex): void {
    const other = end === this.#ends.client ? this.#ends.server : this.#ends.client;
    const silent = end === this.#ends.server ? this.#down.swallows : this.#up.swallows;
    if (end === this.#ends.client || !silent || other.destroyed) this.destroy();
  }

  #forget(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#owner.gone(this);
  }

  #judge(direction: ProxyDirection, piece: Piece): ProxyFault | null {
    const frame = piece.whole ? this.#frame(direction, piece.bytes) : null;
    const choice = frame === null ? undefined : this.#owner.scripted(frame, this);
    const fault = choice === undefined ? this.#drawn(direction, frame !== null) : this.#chosen(choice);
    if (fault === null) return null;
    if (losesBytes(fault.kind)) this.#lossy = true;
    this.#owner.struck(fault.kind, direction, this);
    return fault;
  }

  /** A script that answers with no fault ends the connection: whoever waits for the frame hears of it. */
  #chosen(choice: ProxyFaultChoice): ProxyFault {
    try {
      return faultOf(choice);
    } catch (error) {
      reportCallbackError(this.#owner, 'a handler of a FaultProxy', error);
      return { kind: 'reset' };
    }
  }

  #drawn(direction: ProxyDirection, framed: boolean): ProxyFault | null {
    const rates = this.#owner.rates(direction);
    if (rates.length === 0) return null;
    let dice = this.#random();
    for (const [kind, rate] of rates) {
      dice -= rate;
      if (dice < 0) return framed || isOfBytes(kind) ? faultOfKind(kind, this.#random) : null;
    }
    return null;
  }

  #frame(direction: ProxyDirection, bytes: Buffer): ProxyFrame {
    if (direction === 'to-server') {
      const [name = '', second = ''] = commandWords(bytes);
      const command = CONTAINERS.has(name) ? `${name} ${second}`.trim() : name;
      if (!ANSWERED_BY_PUSHES.has(name)) this.#waiting.push(command);
      return { kind: 'command', index: this.#counts.command++, command, bytes };
    }
    const push = bytes[0] === 0x3e;
    const kind = push ? 'push' : 'reply';
    const command = push ? '' : (this.#waiting.shift() ?? '');
    return { kind, index: this.#counts[kind]++, command, bytes };
  }
}
