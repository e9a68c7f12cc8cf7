import { allEntries } from '../commands/catalogue.ts';
import { type Callback, Command, type CommandOptions, nodeify } from './command.ts';
import { framesOfCall } from './errors.ts';
import { Script, type ScriptDefinition } from './script.ts';
import type { ReplyContext } from './transformers.ts';

/** The members of a class that its generated methods use. */
interface Commander {
  readonly options: {
    keyPrefix?: string | undefined;
    stringNumbers?: boolean | undefined;
    showFriendlyErrorStack?: boolean | undefined;
  };
  readonly scriptsSet: Record<string, Script>;
  readonly addedBuiltinSet: Set<string>;
  readonly replyContext: ReplyContext;
  /** Called when methods were added. */
  methodsAdded?(): void;
  sendCommand(command: Command): unknown;
}

type Method = (this: Commander, ...args: unknown[]) => unknown;

/** All commands; without MONITOR, which makes another connection, and with SENTINEL, which only sentinels know. */
const NAMES: readonly string[] = [
  ...new Set([...allEntries()].map(({ name }) => name.split(' ', 1)[0]!.toLowerCase())).add('sentinel'),
].filter((name) => name !== 'monitor');

const TEXT = 'utf8';

/** Adds a method for each command to a class, and a `…Buffer` variant that returns bytes. */
export function addCommands(prototype: object): void {
  const define = (name: string, value: unknown): void => {
    // Keep the methods that the class itself defines, because they do more than send a command.
    if (Object.hasOwn(prototype, name)) return;
    Object.defineProperty(prototype, name, { value, writable: true, configurable: true, enumerable: false });
  };
  for (const name of NAMES) {
    define(name, commandMethod(name, TEXT));
    define(`${name}Buffer`, commandMethod(name, null));
  }
  define('call', callMethod(TEXT));
  define('callBuffer', callMethod(null));
  define('send_command', callMethod(TEXT));
  define('getBuiltinCommands', () => [...NAMES]);
  define('createBuiltinCommand', (name: string) => ({
    string: commandMethod(name, TEXT),
    buffer: commandMethod(name, null),
  }));
  define('addBuiltinCommand', function addBuiltinCommand(this: Commander, name: string): void {
    this.addedBuiltinSet.add(name);
    Object.assign(this, {
      [name]: commandMethod(name, TEXT),
      [`${name}Buffer`]: commandMethod(name, null),
    });
    this.methodsAdded?.();
  });
  define('defineCommand', defineCommand);
}

function optionsOf(
  { options: { keyPrefix, stringNumbers }, replyContext: context }: Commander,
  replyEncoding: BufferEncoding | null,
): CommandOptions {
  return { replyEncoding, keyPrefix, stringNumbers, context };
}

function commandMethod(name: string, replyEncoding: BufferEncoding | null): Method {
  return function method(...args) {
    const callback = callbackOf(args);
    return sent(this, new Command(name, args, optionsOf(this, replyEncoding), callback), callback, method);
  };
}

function callMethod(replyEncoding: BufferEncoding | null): Method {
  return function method(...args) {
    const callback = callbackOf(args);
    const [name, ...rest] = args.flat();
    return sent(
      this,
      new Command(String(name), rest, optionsOf(this, replyEncoding), callback),
      callback,
      method,
    );
  };
}

/** Adds a method that runs a script to a client. */
export function defineCommand(this: Commander, name: string, definition: ScriptDefinition): void {
  const script = new Script(definition.lua, definition.numberOfKeys, definition.readOnly);
  this.scriptsSet[name] = script;
  Object.assign(this, {
    [name]: scriptMethod(script, TEXT),
    [`${name}Buffer`]: scriptMethod(script, null),
  });
  this.methodsAdded?.();
}

function scriptMethod(script: Script, replyEncoding: BufferEncoding | null): Method {
  return function method(...args) {
    const callback = callbackOf(args);
    const { keyPrefix, stringNumbers } = this.options;
    const { replyContext: context } = this;
    const { readOnly } = script;
    const options = { replyEncoding, keyPrefix, stringNumbers, context, readOnly, script };
    return sent(this, new Command('evalsha', args, options, callback), callback, method);
  };
}

function callbackOf(args: unknown[]): Callback | undefined {
  return typeof args.at(-1) === 'function' ? (args.pop() as Callback) : undefined;
}

/** Sends a command and attaches its callback; a pipeline calls callbacks itself. */
function sent(owner: Commander, command: Command, callback: Callback | undefined, method: Method): unknown {
  if (owner.options.showFriendlyErrorStack) command.frames = framesOfCall(method);
  const result = owner.sendCommand(command);
  if (callback === undefined || !(result instanceof Promise)) return result;
  return nodeify(result, callback);
}
