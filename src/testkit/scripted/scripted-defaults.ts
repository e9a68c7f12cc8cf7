import { reply } from '../servers/reply-text.ts';
import type { ScriptedCommand, ScriptedConnection, ScriptedReply } from './scripted-connection.ts';

export interface ScriptedIdentity {
  readonly server: string;
  readonly version: string;
  readonly mode: string;
  readonly role: string;
  readonly runId: string;
}

function hello(command: ScriptedCommand, identity: ScriptedIdentity): string {
  const protocol = command.args[1] === '3' ? 3 : 2;
  const pairs: [string, string][] = [
    [reply.bulk('server'), reply.bulk(identity.server)],
    [reply.bulk('version'), reply.bulk(identity.version)],
    [reply.bulk('proto'), reply.integer(protocol)],
    [reply.bulk('id'), reply.integer(command.connection.id)],
    [reply.bulk('mode'), reply.bulk(identity.mode)],
    [reply.bulk('role'), reply.bulk(identity.role)],
    [reply.bulk('modules'), reply.array()],
  ];
  return protocol === 3 ? reply.map(...pairs) : reply.array(...pairs.flat());
}

function client(command: ScriptedCommand): ScriptedReply {
  const what = command.args[1]?.toUpperCase();
  if (what === 'REPLY') return setReplies(command);
  return what === 'ID' ? reply.integer(command.connection.id) : reply.ok;
}

/** Connections silenced by `CLIENT REPLY`. */
const silent = new WeakMap<ScriptedConnection, 'OFF' | 'SKIP'>();

function setReplies({ args, connection }: ScriptedCommand): ScriptedReply {
  const mode = args[2]?.toUpperCase();
  if (mode === 'OFF' || (mode === 'SKIP' && !silent.has(connection))) silent.set(connection, mode);
  if (mode === 'ON') silent.delete(connection);
  return mode === 'OFF' || mode === 'SKIP' ? null : reply.ok;
}

/** Whether `CLIENT REPLY` lets the command be answered. Call it once per command, because it ends SKIP. */
export function isAnswered({ name, args, connection }: ScriptedCommand): boolean {
  const mode = silent.get(connection);
  if (mode === undefined) return true;
  if (mode === 'SKIP' || name === 'RESET') silent.delete(connection);
  const on = name === 'CLIENT' && args[1]?.toUpperCase() === 'REPLY' && args[2]?.toUpperCase() === 'ON';
  return on || (mode === 'OFF' && name === 'RESET');
}

const OK = new Set([
  'AUTH',
  'SELECT',
  'READONLY',
  'READWRITE',
  'ASKING',
  'MULTI',
  'DISCARD',
  'WATCH',
  'UNWATCH',
  'SET',
  'FLUSHALL',
]);

/** The default reply to a command that the script does not handle. */
export function defaultReply(command: ScriptedCommand, identity: ScriptedIdentity): ScriptedReply {
  const { name, args } = command;
  if (OK.has(name)) return reply.ok;
  switch (name) {
    case 'HELLO':
      return hello(command, identity);
    case 'CLIENT':
      return client(command);
    case 'PING':
      return args[1] === undefined ? reply.simple('PONG') : reply.bulk(args[1]);
    case 'ECHO':
      return reply.bulk(args[1] ?? '');
    case 'INFO':
      return reply.bulk(`# Server\r\nredis_version:${identity.version}\r\nrun_id:${identity.runId}\r\n`);
    case 'RESET':
      return reply.simple('RESET');
    case 'ROLE':
      return identity.role === 'master'
        ? reply.array(reply.bulk('master'), reply.integer(0), reply.array())
        : reply.array(
            reply.bulk('slave'),
            reply.bulk('127.0.0.1'),
            reply.integer(6379),
            reply.bulk('connected'),
            reply.integer(0),
          );
    case 'QUIT':
      setImmediate(() => command.connection.end());
      return reply.ok;
    default:
      return reply.error(`ERR unknown command '${args[0] ?? ''}', with args beginning with: `);
  }
}
