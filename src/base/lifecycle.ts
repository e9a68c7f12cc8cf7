/**
 * One named state out of an ordered list, changed in one place. A life only goes forward; states may be
 * skipped, never revisited.
 */
export class Lifecycle<S extends string> {
  #order: readonly S[];
  #index = 0;
  #onMove: ((to: S, from: S) => void) | null;

  constructor(order: readonly [S, ...S[]], onMove: ((to: S, from: S) => void) | null = null) {
    this.#order = order;
    this.#onMove = onMove;
  }

  get state(): S {
    return this.#order[this.#index] as S;
  }
  is(state: S): boolean {
    return this.state === state;
  }
  /** At that state or beyond it. */
  reached(state: S): boolean {
    return this.#index >= this.#indexOf(state);
  }
  before(state: S): boolean {
    return this.#index < this.#indexOf(state);
  }

  /** Goes forward; false when that state was reached before. */
  advance(to: S): boolean {
    if (this.reached(to)) return false;
    const from = this.state;
    this.#index = this.#indexOf(to);
    this.#onMove?.(to, from);
    return true;
  }
  /** As `advance`, for moves that must be news. */
  move(to: S): void {
    if (!this.advance(to)) throw new Error(`illegal move from '${this.state}' to '${to}'`);
  }

  #indexOf(state: S): number {
    const index = this.#order.indexOf(state);
    if (index < 0) throw new Error(`no such state: '${state}'`);
    return index;
  }
}
