import { type CommandInfo, resolveCommand } from '../../commands/command-info.ts';
import { coreOf } from '../../connection/base-connection.ts';
import type { ConnectionCore } from '../../connection/connection-core.ts';
import { Entry } from '../../connection/requests/entry.ts';
import { NoScriptError } from '../../errors/errors.ts';
import { encodeCommand, type Wire, wireLength } from '../../resp/encoder.ts';
import { BYTES, type DecodeMode, type TextMode, UTF8 } from '../../resp/text-modes.ts';
import type { RedisValue } from '../../resp/types.ts';
import { type CallOwner, makeRequest, type PoolCall, type Prelude } from '../calls/pool-call.ts';
import { luaOf, type Script } from './script.ts';

/** Turns a call by SHA into one by text if the server does not have the script. */
class ScriptOwner implements CallOwner {
  private readonly loop: CallOwner;
  private readonly script: Script;
  private byText: boolean;

  constructor(loop: CallOwner, script: Script) {
    this.loop = loop;
    this.script = script;
    this.byText = false;
  }

  failed(call: PoolCall, error: unknown, refused: boolean): void {
    const { script } = this;
    // A script may return NOSCRIPT itself. Only the server's own text proves that nothing ran.
    const isMissing =
      refused && error instanceof NoScriptError && error.message.includes('No matching script');
    if (!isMissing || this.byText) return this.loop.failed(call, error, refused);
    this.byText = true;
    call.wire = withText(call.wire, script);
    call.size = wireLength(call.wire);
    (call as { info: CommandInfo }).info = resolveCommand(script.readOnly ? 'EVAL_RO' : 'EVAL', []);
    call.again();
    this.loop.start(call);
  }

  start(call: PoolCall): void {
    this.loop.start(call);
  }
}

/** Makes a call of a script and encodes it now. */
export function makeScriptCall(
  script: Script,
  owner: CallOwner,
  info: CommandInfo,
  args: readonly RedisValue[],
  text: TextMode,
  mode: DecodeMode,
): PoolCall {
  return makeRequest(new ScriptOwner(owner, script), info, args, text, mode);
}

/** Replaces the SHA in the wire form of a call by the script's text. */
function withText(wire: Wire, script: Script): Wire {
  const [first = '', ...others] = typeof wire === 'string' ? [wire] : wire;
  const text = typeof first === 'string' ? first : first.toString('latin1');
  const sha = text.indexOf(script.sha);
  const count = text.slice(0, text.indexOf('\r\n'));
  const [name, lua] = [script.readOnly ? 'EVAL_RO' : 'EVAL', luaOf(script)];
  const changed = `${count}\r\n$${name.length}\r\n${name}\r\n$${lua.length}\r\n${lua}${text.slice(sha + script.sha.length)}`;
  return others.length === 0 ? changed : [changed, ...others];
}

/** The scripts loaded over each connection; a transaction may call these by SHA. */
const seen = new WeakMap<ConnectionCore, Set<string>>();

/** `SCRIPT LOAD`, directly before the transaction that calls the script. */
class LoadEntry extends Entry {
  readonly #known: Set<string>;
  readonly #sha: string;

  constructor(script: Script, known: Set<string>) {
    const args = [script.lua];
    const info = resolveCommand('SCRIPT LOAD', args);
    const wire = encodeCommand(info, args, UTF8);
    super(info, wire, wireLength(wire), BYTES);
    this.#known = known;
    this.#sha = script.sha;
  }
  succeed(): void {
    this.#known.add(this.#sha);
  }
  /** Ignored: the call in the transaction fails and reports the error. */
  refuse(): void {}
  fail(): void {}
}

/** Makes a prelude that loads the scripts not yet loaded over the connection. */
export function loadsOf(scripts: readonly Script[]): Prelude | null {
  if (scripts.length === 0) return null;
  return (connection) => {
    const core = coreOf(connection);
    let known = seen.get(core);
    if (known === undefined) {
      known = new Set();
      seen.set(core, known);
    }
    const missing = new Map(scripts.map((script) => [script.sha, script]));
    for (const sha of known) missing.delete(sha);
    return [...missing.values()].map((script) => new LoadEntry(script, known));
  };
}

/** Called when the server has lost a script (`SCRIPT FLUSH`), so that the next transaction loads it again. */
export function forgetLoad(core: ConnectionCore, script: Script): void {
  seen.get(core)?.delete(script.sha);
}
