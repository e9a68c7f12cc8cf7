import type { CommandInfo } from '../../commands/command-info.ts';
import { learnCommands } from '../../commands/command-table.ts';
import { UNKNOWN } from '../../commands/flags.ts';
import { ResponseError } from '../../errors/errors.ts';
import type { WaitOptions } from '../../base/deadline.ts';
import type { Reply } from '../../resp/types.ts';
import type { Topology } from '../../topology/topology.ts';

/** `COMMAND INFO` of one name, over the pool's own connections. */
type Ask = (name: string, limits: WaitOptions) => Promise<Reply>;

const MAX_REMEMBERED = 1_000;
/** After a lost connection the question rests for so long, in ms. */
const REST = 1_000;

/** The last version of the servers behind a topology, by its name. */
const versions = new Map<string, string>();
/** Questions that a server of one version has answered to one of the pools of this process. */
const answered = new Set<string>();

/**
 * Commands missing in the package's tables: the server is asked for their traits, before their first call. So a command
 * of a newer server that blocks gets a connection of its own, and one that changes its connection is refused. The answer
 * holds for every pool of the process. That there is no such command holds for that server, as long as it keeps its version.
 */
export class UnknownCommands {
  readonly #ask: Ask;
  readonly #topology: Topology;
  /** Asked by this pool, where the server tells no version or refuses the question. */
  readonly #asked = new Set<string>();
  readonly #asking = new Map<string, Promise<void>>();
  /** Not asked before then; monotonic ms. */
  readonly #resting = new Map<string, number>();

  constructor(topology: Topology, ask: Ask) {
    this.#topology = topology;
    this.#ask = ask;
  }

  /** Whether a server has to be asked before the call. */
  mustAsk({ flags, name }: CommandInfo): boolean {
    if ((flags & UNKNOWN) === 0 || this.#asked.has(name) || answered.has(this.#question(name))) return false;
    return (this.#resting.get(name) ?? 0) <= performance.now();
  }

  /** Never rejects: a call that could not be asked for says itself what is wrong. */
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
      // A refusal (no permission) is final and the server is not asked again; a lost connection proves nothing.
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

  /** A name for the question to the servers of this pool; empty where they tell no version. */
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
