import { EventEmitter } from 'node:events';
import { inspect } from 'node:util';
import { Command } from './command.ts';
import { addCommands, defineCommand } from './commander.ts';
import { Pipeline, Transaction, withMethodsOf } from './pipeline.ts';
import { ScanStream, type ScanStreamOptions } from './scan-stream.ts';
import type { Script, ScriptDefinition } from './script.ts';
import type { ReplyContext } from './transformers.ts';

export type Batch = readonly (readonly unknown[])[];
export interface MultiOptions {
  pipeline?: boolean | undefined;
}

/** Commands that ioredis never pipelines automatically. */
const NEVER_GROUPED: ReadonlySet<string> = new Set(
  'auth info script quit cluster pipeline multi subscribe psubscribe ssubscribe unsubscribe punsubscribe sunsubscribe select client'.split(
    ' ',
  ),
);

/** Base class of `Redis` and `Cluster`: commands, pipelines, scans, and a status with events. */
export abstract class Client<Status extends string> extends EventEmitter {
  abstract readonly isCluster: boolean;
  abstract readonly options: {
    keyPrefix?: string | undefined;
    stringNumbers?: boolean | undefined;
    enableAutoPipelining?: boolean | undefined;
    autoPipeliningIgnoredCommands?: string[] | undefined;
    scripts?: Record<string, ScriptDefinition> | undefined;
  };
  abstract status: Status;
  readonly scriptsSet: Record<string, Script> = {};
  readonly addedBuiltinSet = new Set<string>();
  abstract readonly replyContext: ReplyContext;

  abstract sendCommand(command: Command): unknown;
  abstract sendPipeline(pipeline: Pipeline): void;

  #grouped = 0;
  #pipelines: typeof Pipeline | null = null;
  #transactions: typeof Transaction | null = null;

  /** Called when methods were added. Pipelines need them too, so their classes are made again at the next use. */
  methodsAdded(): void {
    this.#pipelines = this.#transactions = null;
  }

  /** With `enableAutoPipelining`: number of commands of this turn. They are written together even without the option. */
  get autoPipelineQueueSize(): number {
    return this.#grouped;
  }
  protected countGrouped({ name }: Command): void {
    if (NEVER_GROUPED.has(name) || this.options.autoPipeliningIgnoredCommands?.includes(name)) return;
    if (this.#grouped++ > 0) return;
    setImmediate(() => {
      this.#grouped = 0;
    });
  }

  /** Leaves out the options, because they hold passwords. */
  toJSON(): Record<string, unknown> {
    const { host, port } = this.options as { host?: string | undefined; port?: number | undefined };
    const place = this.isCluster ? {} : { host, port };
    return { type: this.isCluster ? 'Cluster' : 'Redis', status: this.status, ...place };
  }
  [inspect.custom](): string {
    const { type, host, port } = this.toJSON();
    return `${type}<${host === undefined ? '' : `${host}:${port}, `}${this.status}>`;
  }

  protected defineScripts(): void {
    for (const [name, script] of Object.entries(this.options.scripts ?? {}))
      defineCommand.call(this, name, script);
  }

  protected become(status: Status, argument?: unknown): void {
    this.status = status;
    process.nextTick(() => this.emit(status, argument));
  }

  pipeline(commands?: Batch): Pipeline {
    this.#pipelines ??= withMethodsOf(this, Pipeline);
    const pipeline = new this.#pipelines(this);
    return Array.isArray(commands) ? pipeline.addBatch(commands) : pipeline;
  }

  /** Begins a transaction as a pipeline; with `{ pipeline: false }` sends MULTI at once. */
  multi(commands?: Batch | MultiOptions, options?: MultiOptions): unknown {
    const batch = Array.isArray(commands) ? (commands as Batch) : null;
    const settings = options ?? (batch === null ? (commands as MultiOptions | undefined) : undefined);
    if (settings?.pipeline === false) {
      return this.sendCommand(new Command('multi', [], { replyEncoding: 'utf8' }));
    }
    this.#transactions ??= withMethodsOf(this, Transaction);
    const transaction = new this.#transactions(this);
    return batch === null ? transaction : transaction.addBatch(batch);
  }

  #scan(name: string, key: string | Buffer | undefined, options?: ScanStreamOptions): ScanStream {
    const method = Reflect.get(this, name) as (args: unknown[]) => Promise<[string, unknown[]]>;
    return new ScanStream((args) => method.call(this, args), key, options);
  }
  scanStream(options?: ScanStreamOptions): ScanStream {
    return this.#scan('scan', undefined, options);
  }
  scanBufferStream(options?: ScanStreamOptions): ScanStream {
    return this.#scan('scanBuffer', undefined, options);
  }
  sscanStream(key: string | Buffer, options?: ScanStreamOptions): ScanStream {
    return this.#scan('sscan', key, options);
  }
  sscanBufferStream(key: string | Buffer, options?: ScanStreamOptions): ScanStream {
    return this.#scan('sscanBuffer', key, options);
  }
  hscanStream(key: string | Buffer, options?: ScanStreamOptions): ScanStream {
    return this.#scan('hscan', key, options);
  }
  hscanBufferStream(key: string | Buffer, options?: ScanStreamOptions): ScanStream {
    return this.#scan('hscanBuffer', key, options);
  }
  zscanStream(key: string | Buffer, options?: ScanStreamOptions): ScanStream {
    return this.#scan('zscan', key, options);
  }
  zscanBufferStream(key: string | Buffer, options?: ScanStreamOptions): ScanStream {
    return this.#scan('zscanBuffer', key, options);
  }
}
addCommands(Client.prototype);
