import { ProtocolError, RedisError, TimeoutError } from '../errors/errors.ts';
import type { RequestOptions } from '../connection/requests/request-options.ts';
import { blockingTime } from '../commands/blocking.ts';
import { resolveCommand } from '../commands/command-info.ts';
import type { RedisValue, Reply } from '../resp/types.ts';
import { Command } from './command.ts';
import { abortedBy, isOfServer, type ReplyError, replyErrorOf, timedOut } from './errors.ts';
import { type HimportFieldset, type PreparedFieldsets, within } from './fieldsets.ts';
import type { Link } from './link.ts';
import type { Waiting } from './offline-queue.ts';
import { type Pipeline, type PipelineEntry, unwrapped } from './pipeline.ts';
import type { RedisOptions } from './redis-options.ts';
import { Subscriber } from './subscriber.ts';

/** The owner of a session, which decides about lost and failed commands. */
export interface SessionOwner {
  readonly options: RedisOptions;
  /** Called for a command whose connection has ended, to send it again if the options say so. */
  lost(item: Waiting): void;
  /** Called for an error reply; 2 means to send the command again on a new connection. */
  judge(error: ReplyError, command: Command): boolean | 1 | 2;
  /** Sends a command again. */
  again(command: Command): unknown;
  selected(db: number): void;
  /** Called at QUIT, after which the server closes the connection. */
  leaving(): void;
}

const BYTES: RequestOptions = { decode: false };
const NOSCRIPT = 'NOSCRIPT';

/** A ready connection, and the commands sent over it. */
export class Session {
  readonly link: Link;
  readonly #owner: SessionOwner;
  readonly #subscriber: Subscriber;
  readonly fieldsets: PreparedFieldsets | null;
  readonly #scripts = new Set<string>();
  readonly #text: RequestOptions | undefined;
  readonly #bytes: RequestOptions;
  #inMulti = false;

  constructor(link: Link, owner: SessionOwner, subscriber: Subscriber, fieldsets: PreparedFieldsets | null) {
    this.link = link;
    this.#owner = owner;
    this.#subscriber = subscriber;
    this.fieldsets = fieldsets;
    const { commandTimeout } = owner.options;
    const limited = typeof commandTimeout === 'number' && commandTimeout > 0;
    this.#text = limited ? { timeout: commandTimeout } : undefined;
    this.#bytes = limited ? { decode: false, timeout: commandTimeout } : BYTES;
  }

  get usable(): boolean {
    return this.link.usable;
  }

  /** Sends one command; resolves with the caller's result. */
  send(command: Command): Promise<unknown> {
    const { name } = command;
    if (SPECIAL.has(name)) return this.#special(command);
    if (this.#inMulti) command.inTransaction = true;
    const { script } = command;
    if (script === null) return this.#request(command, name, command.args);
    if (script.isKnown(this.#scripts)) return this.#request(command, script.head, command.args);
    return this.#request(command, 'eval', script.withText(command.args));
  }

  #request(command: Command, name: string, args: readonly RedisValue[]): Promise<unknown> {
    const options = this.#optionsOf(command);
    try {
      const request = this.link.createRequest(name, args, options);
      return request.then(
        (reply) => {
          command.isSettled = true;
          return command.transformReply(reply);
        },
        (error: unknown) => this.#failed(command, error),
      ) as Promise<unknown>;
    } catch (error) {
      return this.#refused(command, error);
    }
  }

  #optionsOf(command: Command): RequestOptions | undefined {
    const { blockingTimeout, blockingTimeoutGrace = 100 } = this.#owner.options;
    const usual = command.shape.text ? this.#text : this.#bytes;
    if (!blockingTimeout || blockingTimeout <= 0 || !Command.checkFlag('BLOCKING_COMMANDS', command.name))
      return usual;
    const time = blockingTime(resolveCommand(command.name, command.args), command.args);
    const timeout =
      time === null || time === Number.POSITIVE_INFINITY ? blockingTimeout : time + blockingTimeoutGrace;
    return { ...usual, timeout };
  }

  /** Handles an error thrown before the command was sent. */
  #refused(command: Command, error: unknown): Promise<unknown> {
    if (this.link.usable) command.reject(command.blame(error as Error));
    else this.#owner.lost(command);
    return command.promise;
  }

  #failed(command: Command, error: unknown): unknown {
    if (isOfServer(error)) return this.#replied(command, command.blame(replyErrorOf(error)));
    if (error instanceof TimeoutError) {
      const { blockingTimeout } = this.#owner.options;
      if (blockingTimeout && Command.checkFlag('BLOCKING_COMMANDS', command.name)) return null;
      throw command.blame(timedOut(error));
    }
    // Do not repeat a command that broke the connection, because it would break the next one. If the connection still
    // works, the error concerns only this command.
    if (this.link.usable || error instanceof ProtocolError) throw command.blame(error as Error);
    this.#owner.lost(command);
    return command.promise;
  }

  #replied(command: Command, error: ReplyError): unknown {
    const { script } = command;
    if (script !== null && error.code === NOSCRIPT) {
      this.#scripts.delete(script.sha);
      return this.#owner.again(command);
    }
    if (this.#owner.judge(error, command) === 2) {
      this.#owner.lost(command);
      return command.promise;
    }
    throw error;
  }

  /** Runs a command that needs more than one request. */
  async #special(command: Command): Promise<unknown> {
    const { name, args } = command;
    if (Subscriber.handles(name)) return this.#subscription(command);
    switch (name) {
      case 'select': {
        const db = Number(args[0]);
        if (Number.isInteger(db)) this.#owner.selected(db);
        break;
      }
      case 'quit':
        this.#owner.leaving();
        break;
      case 'multi':
        this.#inMulti = true;
        break;
      case 'exec':
      case 'discard':
        this.#inMulti = false;
        command.inTransaction = true;
        break;
      case 'client':
        if (String(args[0]).toLowerCase() === 'reply') {
          this.link.sendCommand(name, args);
          return 'OK';
        }
        break;
      case 'reset':
        this.fieldsets?.forget();
        break;
      case 'himport': {
        const fieldset = this.fieldsets?.of(command);
        if (fieldset !== undefined) return this.#import(command, fieldset);
        break;
      }
      default:
    }
    const value = await this.#request(command, name, args);
    return name === 'exec' ? unwrapped(value as unknown[] | null) : value;
  }

  async #import(command: Command, fieldset: HimportFieldset): Promise<unknown> {
    try {
      return await within(this.#owner.options.commandTimeout, (over) =>
        this.fieldsets!.send(fieldset, async () => {
          if (over()) return null;
          return this.#request(command, command.name, command.args);
        }),
      );
    } catch (error) {
      throw command.blame(isOfServer(error) ? replyErrorOf(error) : (error as Error));
    }
  }

  async #subscription(command: Command): Promise<unknown> {
    try {
      const count = await this.#subscriber.run(this.link, command.name, command.args);
      return this.#owner.options.stringNumbers ? String(count) : count;
    } catch (error) {
      if (isOfServer(error)) throw command.blame(replyErrorOf(error));
      if (this.link.usable || error instanceof ProtocolError) throw command.blame(error as Error);
      this.#owner.lost(command);
      return command.promise;
    }
  }

  /** Sends a pipeline in one write, unless its commands must be sent one by one. */
  sendPipeline(pipeline: Pipeline): void {
    if (pipeline.singly) {
      void this.#singly(pipeline);
      return;
    }
    if (this.fieldsets !== null && pipeline.special.some((command) => this.fieldsets!.of(command))) {
      this.fieldsets.prepareFor(pipeline.special).then(
        () => this.#sendTogether(pipeline),
        (error: unknown) => pipeline.reject(isOfServer(error) ? replyErrorOf(error) : error),
      );
      return;
    }
    this.#sendTogether(pipeline);
  }

  #sendTogether(pipeline: Pipeline): void {
    for (const { name, args } of pipeline.special) {
      if (name === 'reset') this.fieldsets?.forget();
      if (name === 'quit') this.#owner.leaving();
      if (name === 'select' && Number.isInteger(Number(args[0]))) this.#owner.selected(Number(args[0]));
    }
    try {
      const requests = pipeline.requests(this.#scripts);
      const batch = this.link.createRequestBatch(requests, this.#text);
      void batch.then((replies) => this.#finish(pipeline, replies as Reply[]));
    } catch (error) {
      if (this.link.usable) pipeline.abort(error as Error);
      else this.#owner.lost(pipeline);
    }
  }

  async #singly(pipeline: Pipeline): Promise<void> {
    const outcomes = await Promise.allSettled(pipeline.commands.map((command) => this.send(command)));
    pipeline.resolve(
      outcomes.map(
        (outcome): PipelineEntry =>
          outcome.status === 'fulfilled' ? [null, outcome.value] : [outcome.reason as Error],
      ),
    );
  }

  async #finish(pipeline: Pipeline, replies: Reply[]): Promise<void> {
    // Without any reply the whole pipeline may be sent again; with some replies the rest must not.
    if (replies.length > 0 && !this.link.usable && replies.every((reply) => isLoss(reply))) {
      this.#owner.lost(pipeline);
      return;
    }
    const entries: PipelineEntry[] = [];
    for (let index = 0; index < replies.length; index++) {
      const reply = replies[index]!;
      const entry = pipeline.entry(index, reply);
      // Only error replies may have to be repeated.
      entries.push(isOfServer(reply) ? await this.#judged(pipeline, index, entry) : entry);
    }
    pipeline.resolve(entries);
  }

  async #judged(pipeline: Pipeline, index: number, entry: PipelineEntry): Promise<PipelineEntry> {
    const command = pipeline.commands[index]!;
    const error = entry[0] as ReplyError;
    if (command.script !== null && error.code === NOSCRIPT && !command.inTransaction) {
      this.#scripts.delete(command.script.sha);
    } else if (this.#owner.judge(error, command) !== 2) {
      return entry;
    } else if (command.inTransaction) {
      // Never repeat a part of a transaction without the rest.
      return [abortedBy(command)];
    }
    command.isSettled = false;
    try {
      return [null, await this.#owner.again(command)];
    } catch (again) {
      return [again as Error];
    }
  }
}

function isTimeout(reply: unknown): reply is TimeoutError {
  return reply instanceof TimeoutError;
}

function isLoss(reply: unknown): boolean {
  return reply instanceof RedisError && !isOfServer(reply) && !isTimeout(reply);
}

const SPECIAL: ReadonlySet<string> = new Set([
  'select',
  'reset',
  'himport',
  'quit',
  'multi',
  'exec',
  'discard',
  'client',
  'subscribe',
  'psubscribe',
  'ssubscribe',
  'unsubscribe',
  'punsubscribe',
  'sunsubscribe',
]);
