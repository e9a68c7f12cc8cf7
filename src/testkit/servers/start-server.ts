import { nameClass } from '../../base/classes.ts';
import { randomBytes } from 'node:crypto';
import { findServerBinary } from './binaries.ts';
import { type Checks, checkOptions, either, port, record, text, texts } from './option-checks.ts';
import { checkTls, serverTls, tlsLines, type ServerTls, type TlsOptions } from './server-tls.ts';
import { launch, socketPath, TestServer, type ServerPlan } from './test-server.ts';

export interface StartServerOptions {
  /** A path or a name on `PATH`; else `RESPOOL_SERVER`, else `redis-server`, else `valkey-server`. */
  readonly binary?: string | undefined;
  /** Default: a free loopback port. */
  readonly port?: number | undefined;
  readonly tls?: boolean | TlsOptions | undefined;
  /** `true`: in the server's folder. TCP stays. */
  readonly unixSocket?: boolean | string | undefined;
  readonly requirepass?: string | undefined;
  /** ACL rules by user name: `{ alice: 'on >secret ~* &* +@all' }`. */
  readonly users?: Readonly<Record<string, string>> | undefined;
  /** The user whose name and password `url` carries; the password is read from a `>password` rule. */
  readonly urlUser?: string | undefined;
  /** Further flags, such as `['--maxmemory', '10mb']`. */
  readonly args?: readonly string[] | undefined;
}

const CHECKS: Checks<StartServerOptions> = {
  binary: text,
  port,
  tls: checkTls,
  unixSocket: either('boolean', text),
  requirepass: text,
  users: record,
  urlUser: text,
  args: texts,
};

/** Configuration lines of every data server: nothing on disk, quick replication, DEBUG allowed. */
export function commonLines(folder: string, port: number, tls: ServerTls | null): string[] {
  return [
    ...(tls === null ? [`port ${port}`] : tlsLines(tls, port)),
    'bind 127.0.0.1',
    `dir "${folder}"`,
    'daemonize no',
    'save ""',
    'appendonly no',
    'shutdown-timeout 0',
    'enable-debug-command local',
    'repl-diskless-sync yes',
    'repl-diskless-sync-delay 0',
    'repl-ping-replica-period 1',
  ];
}

/** Quotes a configuration value. */
export function quoted(value: string): string {
  return `"${value.replace(/[\\"]/g, '\\$&').replace(/\n/g, '\\n')}"`;
}

interface Access {
  readonly lines: readonly string[];
  readonly prelude: readonly (readonly string[])[];
  readonly username: string | null;
  readonly password: string | null;
}

function passwordOf(rules: string): string | null {
  return /(?:^|\s)>(\S+)/.exec(rules)?.[1] ?? null;
}

/** Users and passwords. If `users` changes the default user, the testkit adds a user of its own to log in. */
function access(options: StartServerOptions): Access {
  const { requirepass, users = {}, urlUser } = options;
  const lines = Object.entries(users).map(([name, rules]) => `user ${name} ${rules}`);
  let prelude: string[][] = [];
  if (requirepass !== undefined) {
    lines.push(`requirepass ${quoted(requirepass)}`);
    prelude = [['AUTH', requirepass]];
  }
  if (users['default'] !== undefined) {
    const password = randomBytes(12).toString('hex');
    lines.push(`user respool-testkit on >${password} ~* &* +@all`);
    prelude = [['AUTH', 'respool-testkit', password]];
  }
  if (urlUser === undefined) return { lines, prelude, username: null, password: requirepass ?? null };
  const rules = users[urlUser];
  if (rules === undefined)
    throw new TypeError(`urlUser: there is no user ${JSON.stringify(urlUser)} in users`);
  return { lines, prelude, username: urlUser, password: passwordOf(rules) };
}

/**
 * A plain server, ready when this resolves.
 *
 * @throws Error when no server binary is found, or when the server does not start; its log is in the message.
 * @example await using server = await startServer({ tls: true, requirepass: 'secret' });
 */
export async function startServer(options: StartServerOptions = {}): Promise<TestServer> {
  checkOptions(options, CHECKS);
  const tls = serverTls(options.tls);
  const { lines, prelude, username, password } = access(options);
  const socket = options.unixSocket ?? false;
  const plan: ServerPlan = {
    binary: await findServerBinary(options.binary),
    label: 'server',
    port: options.port ?? null,
    withBus: false,
    sentinel: false,
    args: options.args ?? [],
    tls,
    socket,
    username,
    password,
    prelude,
    configure: (folder, port) => {
      const path = socketPath({ socket }, folder);
      return [
        ...commonLines(folder, port, tls),
        ...(path === null ? [] : [`unixsocket ${quoted(path)}`, 'unixsocketperm 700']),
        ...lines,
      ];
    },
  };
  return new TestServer(await launch(plan));
}
nameClass(startServer, 'startServer');
