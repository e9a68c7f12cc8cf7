import type { CommandInfo } from '../../commands/command-info.ts';
import { learnCommands } from '../../commands/command-table.ts';
import { UNKNOWN } from '../../commands/flags.ts';
import { ResponseError } from '../../errors/errors.ts';
import type { WaitOptions } from '../../base/deadline.ts';
import type { Reply } from '../../resp/types.ts';
import type { Topology } from '../../topology/topology.ts';

/** Sends `COMMAND INFO` for one name over the pool's connections. */
type Ask = (name: string, limits: WaitOptions) => Promise<Reply>;

const MAX_REMEMBERED = 1_000;
/** After a lost connection the server is not asked again for so long, in ms. */
const REST = 1_000;

/** The last known server version of each topology, by the topology's name. */
const versions = new Map<string, string>();
/** Questions (servers, version, command) that were answered to a pool of this process. */
const answered = new Set<string>();

/**
 * Asks the server for the traits of commands missing in the tables, before their first call: a command that blocks
 * gets an exclusive connection, and one that changes connection state is refused. The answer holds for every pool of
 * the process. That a command does not exist holds for those servers until their version changes.
 */
export class UnknownCommands {
  readonly #ask: Ask;
  readonly #topology: Topology;
  /** Commands asked about by this pool, if the version is unknown or the server refused to answer. */
  readonly #asked = new Set<string>();
  readonly #asking = new Map<string, Promise<void>>();
  /** When a command may be asked about again; monotonic ms. */
  readonly #resting = new Map<string, number>();

  constructor(topology: Topology, ask: Ask) {
    this.#topology = topology;
    this.#ask = ask;
  }

  /** Whether a server must be asked before the call. */
  mustAsk({ flags, name }: CommandInfo): boolean {
    if ((flags & UNKNOWN) === 0 || this.#asked.has(name) || answered.has(this.#question(name))) return false;
    return (this.#resting.get(name) ?? 0) <= performance.now();
  }

  /** Asks about one command. Never rejects: if the question fails, the call itself shows the error. */
  learn(name: string, limits: WaitOptions): Promise<void> {
    const limited = limits.signal !== undefined || limits.timeout !== undefined;
    if (limited) return this.#learn(name, limits);
    let asking = this.#asking.get(name);
    if (asking === undefined) {
      asking = this.#learn(name, limits).finally(() => this.#asking.delete(name));
      this.#asking.set(name, asking);
    }
    return asking;
  }

  async #learn(name: string, limits: WaitOptions): Promise<void> {
    let refused = false;
    try {
      learnCommands(name, await this.#ask(name, limits));
    } catch (error) {
      // An error reply (no permission) is final. After a lost connection the server is asked again.
      refused = error instanceof ResponseError;
      if (!refused) {
        this.#resting.set(name, performance.now() + REST);
        return;
      }
    }
    this.#resting.delete(name);
    const question = refused ? '' : this.#question(name);
    if (question === '') remember(this.#asked, name);
    else remember(answered, question);
  }

  /** Identifies the question (servers, version, command); empty if the version is unknown. */
  #question(name: string): string {
    const place = this.#topology.name;
    for (const node of this.#topology.nodes()) {
      for (const { serverVersion } of node.connections) {
        if (serverVersion === null) continue;
        if (versions.size >= MAX_REMEMBERED) versions.clear();
        versions.set(place, serverVersion);
        return `${place} ${serverVersion} ${name}`;
      }
    }
    const version = versions.get(place);
    return version === undefined ? '' : `${place} ${version} ${name}`;
  }
}

function remember(names: Set<string>, name: string): void {
  if (names.size >= MAX_REMEMBERED) names.clear();
  names.add(name);
}
