import type { Socket } from 'node:net';
import { CommandReader } from './command-reader.ts';
import { reply } from '../servers/reply-text.ts';

/** One command as it came. Texts are latin1: one character per byte. */
export interface ScriptedCommand {
  /** The first word, in capitals. */
  readonly name: string;
  /** All words, the name as sent. */
  readonly args: readonly string[];
  readonly raw: readonly Buffer[];
  readonly connection: ScriptedConnection;
  /** Counts the reads of the connection: commands with the same number came in together. */
  readonly chunk: number;
}

/** Raw RESP; text is latin1. `null`: no answer, now or later. `undefined`: what the default table says. */
export type ScriptedReply = string | Uint8Array | null | undefined;

/** The members of a server that its connections use. */
export interface ScriptedOwner {
  readonly record: boolean;
  answer(command: ScriptedCommand): ScriptedReply | Promise<ScriptedReply>;
  received(command: ScriptedCommand): void;
}

/** The server's end of one connection. */
export class ScriptedConnection {
  /** 1, 2, … in the order of arrival; also what `CLIENT ID` says. */
  readonly id: number;
  readonly commands: ScriptedCommand[] = [];
  readonly closed: Promise<void>;
  /** Set when the client sent what is no command. */
  protocolError: Error | null = null;
  readonly #socket: Socket;
  readonly #raw: Socket;
  readonly #owner: ScriptedOwner;
  readonly #reader = new CommandReader();
  #chunks = 0;
  #bytes = 0;
  #open = true;
  #blackHole = false;
  /** Set while an answer is awaited; later answers queue behind it. */
  #tail: Promise<void> | null = null;

  constructor(id: number, socket: Socket, raw: Socket, owner: ScriptedOwner) {
    this.id = id;
    this.#socket = socket;
    this.#raw = raw;
    this.#owner = owner;
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#open = false;
        resolve();
      });
    });
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
  }

  get open(): boolean {
    return this.#open;
  }
  /** Reads so far. */
  get chunks(): number {
    return this.#chunks;
  }
  get bytesRead(): number {
    return this.#bytes;
  }
  /** Bytes of a command whose end has not come. */
  get unfinished(): number {
    return this.#reader.unfinished;
  }

  /** Names of the commands, grouped by the read that completed them: `[['HELLO'], ['GET', 'GET']]`. */
  get batches(): string[][] {
    const batches = new Map<number, string[]>();
    for (const { chunk, name } of this.commands) {
      const batch = batches.get(chunk);
      if (batch === undefined) batches.set(chunk, [name]);
      else batch.push(name);
    }
    return [...batches.values()];
  }

  send(raw: string | Uint8Array): void {
    if (this.#open) this.#socket.write(typeof raw === 'string' ? Buffer.from(raw, 'latin1') : raw);
  }

  /** A RESP3 push; text items become bulk strings, numbers integers. */
  push(kind: string, ...items: readonly (string | number | null)[]): void {
    this.send(
      reply.push(
        ...[kind, ...items].map((item) =>
          item === null ? reply.null : typeof item === 'number' ? reply.integer(item) : reply.text(item),
        ),
      ),
    );
  }

  /** FIN, after what was sent. */
  end(): void {
    this.#socket.end();
  }

  /** Closes without ceremony. */
  destroy(): void {
    this.#socket.destroy();
  }

  /** RST where the transport has it (not on Unix sockets). */
  reset(): void {
    try {
      // A socket that is ending cannot be reset: Node would keep its handle for ever.
      if (this.#raw.writableEnded) this.#raw.destroy();
      else this.#raw.resetAndDestroy();
    } catch {
      this.#raw.destroy();
    }
    this.#socket.destroy();
  }

  /** The client's writes pile up in the kernel, then in the client. */
  pauseReading(): void {
    this.#socket.pause();
  }

  resumeReading(): void {
    this.#socket.resume();
  }

  /** Swallows everything from now on, answers nothing, stays open. */
  blackHole(on = true): void {
    this.#blackHole = on;
  }

  #read(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#blackHole) return;
    const number = ++this.#chunks;
    let commands: Buffer[][];
    try {
      commands = this.#reader.write(chunk);
    } catch (error) {
      this.protocolError = error as Error;
      this.send(reply.error(`ERR Protocol error: ${(error as Error).message}`));
      this.end();
      return;
    }
    this.#socket.cork();
    for (const raw of commands) this.#handle(raw, number);
    this.#socket.uncork();
  }

  #handle(raw: Buffer[], chunk: number): void {
    if (this.#blackHole) return;
    const args = raw.map((part) => part.toString('latin1'));
    const command: ScriptedCommand = {
      name: (args[0] ?? '').toUpperCase(),
      args,
      raw,
      connection: this,
      chunk,
    };
    if (this.#owner.record) this.commands.push(command);
    this.#owner.received(command);
    const answer = this.#owner.answer(command);
    if (this.#tail === null && !(answer instanceof Promise)) {
      this.#write(answer);
      return;
    }
    const before = this.#tail ?? Promise.resolve();
    const tail = before
      .then(() => answer)
      .then(
        (text) => this.#write(text),
        (error: unknown) => this.#write(reply.error(`ERR scripted server: ${String(error)}`)),
      )
      .then(() => {
        if (this.#tail === tail) this.#tail = null;
      });
    this.#tail = tail;
  }

  #write(answer: ScriptedReply): void {
    if (answer !== null && answer !== undefined && !this.#blackHole) this.send(answer);
  }
}
