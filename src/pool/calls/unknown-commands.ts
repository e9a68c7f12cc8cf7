import type { CommandInfo } from '../../commands/command-info.ts';
import { learnCommands } from '../../commands/command-table.ts';
import { UNKNOWN } from '../../commands/flags.ts';
import { ResponseError } from '../../errors/errors.ts';
import type { WaitOptions } from '../../interfaces/wait-options.ts';
import type { Reply } from '../../resp/types.ts';

/** `COMMAND INFO` of one name, over the pool's own connections. */
type Ask = (name: string, limits: WaitOptions) => Promise<Reply>;

const MAX_REMEMBERED = 1_000;
/** After a lost connection the question rests for so long, in ms. */
const REST = 1_000;

/**
 * Commands missing in the package's tables: the server is asked once for their traits, before their first call. So a
 * command of a newer server that blocks gets a connection of its own, and one that changes its connection is refused.
 */
export class UnknownCommands {
  readonly #ask: Ask;
  /** Asked for; the process knows those that the server has. */
  readonly #asked = new Set<string>();
  readonly #asking = new Map<string, Promise<void>>();
  /** Not asked before then; monotonic ms. */
  readonly #resting = new Map<string, number>();

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** Whether a server has to be asked before the call. */
  mustAsk(info: CommandInfo): boolean {
    if ((info.flags & UNKNOWN) === 0 || this.#asked.has(info.name)) return false;
    return (this.#resting.get(info.name) ?? 0) <= performance.now();
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
    try {
      learnCommands(name, await this.#ask(name, limits));
    } catch (error) {
      // A refusal (no permission) is final and the server is not asked again; a lost connection proves nothing.
      if (!(error instanceof ResponseError)) {
        this.#resting.set(name, performance.now() + REST);
        return;
      }
    }
    if (this.#asked.size >= MAX_REMEMBERED) this.#asked.clear();
    this.#resting.delete(name);
    this.#asked.add(name);
  }
}
