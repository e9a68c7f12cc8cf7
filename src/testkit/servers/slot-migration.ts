import type { ClusterNode } from './cluster-node.ts';

/** A slot on its way from one primary to another; it moves only with a call. */
export class SlotMigration {
  readonly slot: number;
  readonly source: ClusterNode;
  readonly target: ClusterNode;
  readonly #password: string | null;
  readonly #primaries: () => Promise<ClusterNode[]>;

  constructor(
    slot: number,
    source: ClusterNode,
    target: ClusterNode,
    password: string | null,
    primaries: () => Promise<ClusterNode[]>,
  ) {
    this.slot = slot;
    this.source = source;
    this.target = target;
    this.#password = password;
    this.#primaries = primaries;
  }

  /** IMPORTING there, MIGRATING here: from now on the source answers ASK for keys it does not have. */
  async begin(): Promise<this> {
    await this.target.command('CLUSTER', 'SETSLOT', this.slot, 'IMPORTING', this.source.id);
    await this.source.command('CLUSTER', 'SETSLOT', this.slot, 'MIGRATING', this.target.id);
    return this;
  }

  async keysLeft(): Promise<number> {
    return Number(await this.source.command('CLUSTER', 'COUNTKEYSINSLOT', this.slot));
  }

  /** Moves at most this many keys (default: all); returns how many moved. */
  async moveKeys(count = Infinity): Promise<number> {
    let moved = 0;
    while (moved < count) {
      const batch = Math.min(100, count - moved);
      const keys = (await this.source.command('CLUSTER', 'GETKEYSINSLOT', this.slot, batch)) as string[];
      if (keys.length === 0) break;
      const auth = this.#password === null ? [] : ['AUTH', this.#password];
      const { host, port } = this.target;
      await this.source.command('MIGRATE', host, port, '', 0, 5000, 'REPLACE', ...auth, 'KEYS', ...keys);
      moved += keys.length;
    }
    return moved;
  }

  /** Moves what is left and gives the slot to the target; every primary is told. */
  async finish(): Promise<void> {
    await this.moveKeys();
    await this.#assign(this.target);
  }

  /** Brings the moved keys back and ends the migration where it began. */
  async cancel(): Promise<void> {
    const back = new SlotMigration(this.slot, this.target, this.source, this.#password, this.#primaries);
    for (const node of [this.source, this.target])
      await node.command('CLUSTER', 'SETSLOT', this.slot, 'STABLE');
    await this.target.command('CLUSTER', 'SETSLOT', this.slot, 'IMPORTING', this.source.id);
    await back.moveKeys();
    await this.target.command('CLUSTER', 'SETSLOT', this.slot, 'STABLE');
  }

  async #assign(owner: ClusterNode): Promise<void> {
    const others = (await this.#primaries()).filter((node) => node !== this.target && node !== this.source);
    for (const node of [this.target, this.source, ...others]) {
      await node.command('CLUSTER', 'SETSLOT', this.slot, 'NODE', owner.id);
    }
  }
}
