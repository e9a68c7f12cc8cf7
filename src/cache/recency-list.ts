/** A member of at most one list. */
export class RecencyNode {
  newer: RecencyNode | null = null;
  older: RecencyNode | null = null;
}

/** Members from the most to the least recently used, linked through themselves. */
export class RecencyList<N extends RecencyNode> {
  #newest: RecencyNode | null = null;
  #oldest: RecencyNode | null = null;

  get oldest(): N | null {
    return this.#oldest as N | null;
  }

  add(node: N): void {
    node.older = this.#newest;
    if (this.#newest === null) this.#oldest = node;
    else this.#newest.newer = node;
    this.#newest = node;
  }

  remove(node: N): void {
    if (node.newer === null) this.#newest = node.older;
    else node.newer.older = node.older;
    if (node.older === null) this.#oldest = node.newer;
    else node.older.newer = node.newer;
    node.newer = null;
    node.older = null;
  }

  touch(node: N): void {
    if (this.#newest === node) return;
    this.remove(node);
    this.add(node);
  }

  clear(): void {
    this.#newest = null;
    this.#oldest = null;
  }
}
