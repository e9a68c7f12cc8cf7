import { setTimeout as sleep } from 'node:timers/promises';
import { reply, ScriptedServer, type ScriptedReply } from '../../../src/testkit/index.ts';
import type { TCPLocation } from '../../../src/index.ts';

type Named = { readonly host: string; readonly port: number } | null;

export interface SentinelScript {
  primary?: Named;
  replicas?: readonly { host: string; port: number; flags?: string }[];
  sentinels?: readonly { host: string; port: number }[];
  others?: number;
  flags?: string;
  epoch?: number;
  /** Replaces every answer to SENTINEL. */
  instead?: ScriptedReply | Promise<ScriptedReply>;
  password?: string;
  /** Milliseconds before its answer to HELLO. */
  greetsAfter?: number;
  /** Refuses SUBSCRIBE. */
  deaf?: boolean;
}

const flat = (fields: Record<string, string | number>): string =>
  reply.array(
    ...Object.entries(fields).flatMap(([name, value]) => [reply.bulk(name), reply.bulk(String(value))]),
  );

/** A sentinel that says what a test wants; `script` may be changed at any time. */
export class FakeSentinel implements AsyncDisposable {
  readonly server: ScriptedServer;
  readonly script: SentinelScript;

  private constructor(server: ScriptedServer, script: SentinelScript) {
    this.server = server;
    this.script = script;
    server.script({
      HELLO: async () => {
        if (script.greetsAfter !== undefined) await sleep(script.greetsAfter);
        return undefined;
      },
      SENTINEL: (args) => script.instead ?? this.#answer(args),
      AUTH: ([, ...words]) => this.#auth(words.at(-1)),
      SUBSCRIBE: ([, channel = '']) =>
        script.deaf === true
          ? reply.error('NOPERM no channel for you')
          : reply.push(reply.bulk('subscribe'), reply.bulk(channel), reply.integer(1)),
    });
  }

  static async start(
    script: SentinelScript,
    options: { host?: string; port?: number } = {},
  ): Promise<FakeSentinel> {
    return new FakeSentinel(await ScriptedServer.start({}, { mode: 'sentinel', ...options }), script);
  }

  get location(): TCPLocation {
    return this.server.location;
  }
  get port(): number {
    return this.server.port;
  }
  /** The commands that were sent, without subscriptions. */
  get asked(): string[] {
    return this.server.commands
      .filter(({ name }) => name === 'SENTINEL')
      .map(({ args }) => args.slice(1).join(' '));
  }

  /** Sends `+switch-master` to every subscriber. */
  announce(service: string, from: { host: string; port: number }, to: { host: string; port: number }): void {
    const text = `${service} ${from.host} ${from.port} ${to.host} ${to.port}`;
    for (const connection of this.server.openConnections) {
      if (!connection.commands.some(({ name }) => name === 'SUBSCRIBE')) continue;
      connection.push('message', '+switch-master', text);
    }
  }
  async listened(): Promise<void> {
    await this.server.waitForCommand('SUBSCRIBE');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.server.close();
  }

  #auth(password: string | undefined): ScriptedReply {
    return this.script.password === undefined || password === this.script.password
      ? reply.ok
      : reply.error('WRONGPASS invalid username-password pair or user is disabled.');
  }

  #answer([, what = '']: readonly string[]): ScriptedReply {
    const {
      primary = null,
      replicas = [],
      sentinels = [],
      others = 2,
      flags = 'master',
      epoch,
    } = this.script;
    switch (what.toUpperCase()) {
      case 'GET-MASTER-ADDR-BY-NAME':
        if (primary === null) return reply.null;
        return reply.array(reply.bulk(primary.host), reply.bulk(String(primary.port)));
      case 'MASTER':
        if (primary === null) return reply.error('ERR No such master with that name');
        return flat({
          name: 'mymaster',
          ip: primary.host,
          port: primary.port,
          flags,
          'num-other-sentinels': others,
          ...(epoch === undefined ? {} : { 'config-epoch': epoch }),
        });
      case 'REPLICAS':
        if (primary === null) return reply.error('ERR No such master with that name');
        return reply.array(
          ...replicas.map(({ host, port, flags: own = 'slave' }) => flat({ ip: host, port, flags: own })),
        );
      case 'SENTINELS':
        return reply.array(...sentinels.map(({ host, port }) => flat({ ip: host, port, flags: 'sentinel' })));
      default:
        return reply.error('ERR unknown');
    }
  }
}

/** A data server; its role may change. */
export class FakeData implements AsyncDisposable {
  readonly server: ScriptedServer;
  role: 'master' | 'slave';

  private constructor(server: ScriptedServer, role: 'master' | 'slave') {
    this.server = server;
    this.role = role;
    server.script({
      ROLE: () =>
        this.role === 'master'
          ? reply.array(reply.bulk('master'), reply.integer(0), reply.array())
          : reply.array(
              reply.bulk('slave'),
              reply.bulk('127.0.0.1'),
              reply.integer(1),
              reply.bulk('connected'),
              reply.integer(0),
            ),
      GET: () => reply.bulk(String(this.port)),
      SET: () =>
        this.role === 'master'
          ? reply.ok
          : reply.error("READONLY You can't write against a read only replica."),
      EVAL: () => (this.role === 'master' ? reply.ok : reply.error('READONLY script tried to write')),
    });
  }

  static async start(
    role: 'master' | 'slave' = 'master',
    options: { host?: string; port?: number } = {},
  ): Promise<FakeData> {
    return new FakeData(await ScriptedServer.start({}, options), role);
  }

  get host(): string {
    return this.server.host;
  }
  get port(): number {
    return this.server.port;
  }
  count(name: string): number {
    return this.server.commands.filter((command) => command.name === name).length;
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.server.close();
  }
}
