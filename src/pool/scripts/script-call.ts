import { type CommandInfo, resolveCommand } from '../../commands/command-info.ts';
import type { BaseConnection } from '../../connection/base-connection.ts';
import { Entry } from '../../connection/requests/entry.ts';
import { sizeOf } from '../../connection/writing/outbox.ts';
import { NoScriptError } from '../../errors/errors.ts';
import { encodeCommand, type Wire } from '../../resp/encoder.ts';
import { BYTES, type DecodeMode, type TextMode, UTF8 } from '../../resp/text-modes.ts';
import type { RedisValue } from '../../resp/types.ts';
import { type CallOwner, PoolCall, type Prelude, RequestPromise } from '../calls/pool-call.ts';
import { luaOf, type Script } from './script.ts';

/** A call by SHA that becomes one by text where the server does not have the script. */
class ScriptCall extends PoolCall {
  readonly #script: Script;
  #byText = false;

  constructor(script: Script, ...parts: ConstructorParameters<typeof PoolCall>) {
    super(...parts);
    this.#script = script;
  }

  override refuse(error: Error): void {
    // A script may answer NOSCRIPT itself: only the server's own words mean that nothing was run.
    if (this.#byText || !(error instanceof NoScriptError) || !error.message.includes('No matching script'))
      return super.refuse(error);
    this.#byText = true;
    this.wire = withText(this.wire, this.#script);
    this.size = sizeOf(this.wire);
    (this as { info: CommandInfo }).info = resolveCommand(this.#script.readOnly ? 'EVAL_RO' : 'EVAL', []);
    this.again();
    this.owner.start(this);
  }
}

/** A call of a script that is encoded now. */
export function makeScriptCall(
  script: Script,
  owner: CallOwner,
  info: CommandInfo,
  args: readonly RedisValue[],
  text: TextMode,
  mode: DecodeMode,
): PoolCall {
  const wire = encodeCommand(info, args, text);
  const call = new ScriptCall(script, owner, info, wire, sizeOf(wire), mode, RequestPromise);
  RequestPromise.attach(call);
  return call;
}

/** The same call with the text in the place of the SHA. */
function withText(wire: Wire, script: Script): Wire {
  const [first = '', ...others] = typeof wire === 'string' ? [wire] : wire;
  const text = typeof first === 'string' ? first : first.toString('latin1');
  const sha = text.indexOf(script.sha);
  const count = text.slice(0, text.indexOf('\r\n'));
  const [name, lua] = [script.readOnly ? 'EVAL_RO' : 'EVAL', luaOf(script)];
  const changed = `${count}\r\n$${name.length}\r\n${name}\r\n$${lua.length}\r\n${lua}${text.slice(sha + script.sha.length)}`;
  return others.length === 0 ? changed : [changed, ...others];
}

/** Scripts that connections have seen: a transaction may call these by their SHA. */
const seen = new WeakMap<BaseConnection, Set<string>>();

/** `SCRIPT LOAD`, right before the transaction that calls the script. */
class LoadEntry extends Entry {
  readonly #known: Set<string>;
  readonly #sha: string;

  constructor(script: Script, known: Set<string>) {
    const args = [script.lua];
    const info = resolveCommand('SCRIPT LOAD', args);
    const wire = encodeCommand(info, args, UTF8);
    super(info, wire, sizeOf(wire), BYTES);
    this.#known = known;
    this.#sha = script.sha;
  }
  succeed(): void {
    this.#known.add(this.#sha);
  }
  /** The call in the transaction says what is wrong. */
  refuse(): void {}
  fail(): void {}
}

/** Loads scripts on connections that have not seen them. */
export function loadsOf(scripts: readonly Script[]): Prelude | null {
  if (scripts.length === 0) return null;
  return (connection) => {
    let known = seen.get(connection);
    if (known === undefined) {
      known = new Set();
      seen.set(connection, known);
    }
    const missing = new Map(scripts.map((script) => [script.sha, script]));
    for (const sha of known) missing.delete(sha);
    return [...missing.values()].map((script) => new LoadEntry(script, known));
  };
}
