import { createHash } from 'node:crypto';

/** A Lua script by the name it was defined under. */
export class Script {
  readonly sha: string;
  readonly lua: string;
  readonly numberOfKeys: number | null;
  readonly readOnly: boolean;

  constructor(lua: string, numberOfKeys?: number | null, readOnly?: boolean) {
    this.lua = lua;
    this.numberOfKeys = numberOfKeys ?? null;
    this.readOnly = readOnly ?? false;
    this.sha = createHash('sha1').update(lua).digest('hex');
  }

  /** Fills in the first word: its text where the connection has not sent it yet, else its digest. */
  address(command: { name: string; readonly args: unknown[] }, sent: Set<string>): void {
    const known = sent.has(this.sha);
    sent.add(this.sha);
    command.name = known ? 'evalsha' : 'eval';
    command.args[0] = known ? this.sha : this.lua;
  }
}

export interface ScriptDefinition {
  lua: string;
  numberOfKeys?: number | undefined;
  readOnly?: boolean | undefined;
}
