import { inspect } from 'node:util';
import type { AbstractChannel } from '../../interfaces/abstract-channel.ts';
import type { ChannelMap } from '../../interfaces/abstract-channel.ts';
import type { TextMode } from '../../resp/text-modes.ts';
import { anyNameKey } from '../subscriptions/subscription-kinds.ts';

const NONE: readonly AbstractChannel[] = Object.freeze([]);

/** The acknowledged names of one kind in one registry, as latin1 text of their bytes. */
export interface NameSource {
  readonly size: number;
  get(key: string): readonly AbstractChannel[] | undefined;
  keys(): Iterable<string>;
}

/** The acknowledged names of one kind in one or several registries. */
export class ChannelView implements ChannelMap {
  readonly #sources: readonly NameSource[];
  readonly #text: TextMode;

  /** `text`: the encoding of names given as strings. */
  constructor(sources: readonly NameSource[], text: TextMode) {
    this.#sources = sources;
    this.#text = text;
    Object.freeze(this);
  }

  /** Joins the views of several registries; a name in several of them counts once. */
  static join(views: readonly ChannelView[], text: TextMode): ChannelView {
    return new ChannelView(
      views.flatMap((view) => view.#sources),
      text,
    );
  }

  get size(): number {
    const filled = this.#sources.filter((source) => source.size > 0);
    if (filled.length <= 1) return filled[0]?.size ?? 0;
    const [largest, ...others] = filled.sort((a, b) => b.size - a.size);
    const counted = [largest];
    let size = largest?.size ?? 0;
    for (const source of others) {
      // Count a name in several sources once.
      for (const key of source.keys()) if (!counted.some((other) => other?.get(key))) size++;
      counted.push(source);
    }
    return size;
  }

  get(name: string | Uint8Array): AbstractChannel | undefined {
    return this.all(name)[0];
  }

  all(name: string | Uint8Array): readonly AbstractChannel[] {
    return this.#channels(anyNameKey(name, this.#text));
  }

  has(name: string | Uint8Array): boolean {
    const key = anyNameKey(name, this.#text);
    return key !== null && this.#sources.some((source) => source.get(key) !== undefined);
  }

  *keys(): IterableIterator<Buffer> {
    for (const [name] of this) yield name;
  }

  *[Symbol.iterator](): IterableIterator<[name: Buffer, channels: readonly AbstractChannel[]]> {
    for (const key of [...this.#names()]) {
      const channels = this.#channels(key);
      if (channels.length > 0) yield [Buffer.from(key, 'latin1'), channels];
    }
  }

  toString(): string {
    const { size } = this;
    return `ChannelMap<${size} ${size === 1 ? 'name' : 'names'}>`;
  }
  toJSON(): Record<string, unknown> {
    return { type: 'ChannelMap', names: Array.from(this.keys(), String) };
  }
  [inspect.custom](): string {
    return this.toString();
  }

  #names(): Set<string> {
    return new Set(this.#sources.flatMap((source) => [...source.keys()]));
  }

  #channels(key: string | null): readonly AbstractChannel[] {
    if (key === null) return NONE;
    const found = this.#sources.flatMap((source) => source.get(key) ?? []);
    return found.length === 0 ? NONE : Object.freeze(found);
  }
}
