import type { Random } from '../../base/backoff.ts';
import { type Clock, systemClock } from '../../base/clock.ts';
import { RedisClusterError, RedisError, ResponseError } from '../../errors/errors.ts';
import type { Reply } from '../../resp/types.ts';
import { keyOf, type TCPLocation } from '../../transport/location.ts';
import {
  type Ask,
  type AskOptions,
  distinct,
  failureCause,
  failureText,
  firstAnswer,
} from '../first-answer.ts';
import { fieldsOf, textOf } from '../reply-fields.ts';
import { refusedFor, type ResolveAddress } from './address-map.ts';
import { parseClusterSlots, parseUnready } from './cluster-slots.ts';
import { SLOT_COUNT } from '../../commands/key-slot.ts';
import type { SlotMap } from './slot-map.ts';

/** Number of nodes of the last layout that one attempt asks besides the start nodes. */
const KNOWN_ASKED = 16;
const DEFAULT_NODE_TIMEOUT = 2_000;
const DEFAULT_HEAD_START = 250;

export interface DiscoveryOptions {
  readonly startNodes: Iterable<TCPLocation>;
  readonly ask: Ask;
  readonly resolve: ResolveAddress;
  /** Whether to ask the last known nodes besides the start nodes; default: true. */
  readonly followCluster?: boolean | undefined;
  readonly skipFullCoverageCheck?: boolean | undefined;
  /** Whether to ask also which nodes are failed or loading; default: false. */
  readonly withHealth?: boolean | undefined;
  /** Time limit, in ms, for one node's answer once it is connected; default: 2,000. */
  readonly nodeTimeout?: number | undefined;
  readonly headStart?: number | undefined;
  readonly warn?: ((message: string) => void) | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
}
export interface LayoutQuestion {
  /** The current layout, if any. */
  readonly before?: SlotMap | undefined;
  /** Nodes to ask first: the target of a MOVED took part in the change, so it knows best. */
  readonly prefer?: Iterable<TCPLocation> | undefined;
  /** Keys of the nodes to ask last. */
  readonly avoid?: ReadonlySet<string> | undefined;
  /** Version read when a node is asked; facts with a later version are newer than its answer. */
  readonly stamp?: (() => number) | undefined;
  readonly signal?: AbortSignal | undefined;
}
export interface Discovered {
  readonly map: SlotMap;
  /** Ids of nodes that are failed or loading. */
  readonly unready: ReadonlySet<string>;
  readonly stamp: number;
}

/** Asks nodes for the layout of the cluster. It remembers only its start nodes. */
export class Discovery {
  readonly #startNodes: readonly TCPLocation[];
  readonly #options: DiscoveryOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  #warned = false;

  constructor(options: DiscoveryOptions) {
    this.#options = options;
    this.#startNodes = distinct(options.startNodes);
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
  }

  get startNodes(): readonly TCPLocation[] {
    return this.#startNodes;
  }

  /** Returns the first acceptable answer. Rejects with `RedisClusterError`, whose cause holds the nodes' failures. */
  async discover(options: LayoutQuestion = {}): Promise<Discovered> {
    const result = await firstAnswer(
      this.#candidates(options),
      (node, ask) => this.#ask(node, ask, options),
      {
        clock: this.#clock,
        timeout: this.#options.nodeTimeout ?? DEFAULT_NODE_TIMEOUT,
        headStart: this.#options.headStart ?? DEFAULT_HEAD_START,
        signal: options.signal,
      },
    );
    if (result.node !== null) return result.value;
    const { failures } = result;
    const why = failures.length === 0 ? 'there is no start node' : failureText(failures);
    throw new RedisClusterError(
      `Redis Cluster cannot be connected. Please provide at least one reachable node. (${why})`,
      { cause: failures.length === 1 ? failures[0]?.cause : failureCause(failures) },
    );
  }

  #candidates({ before, prefer = [], avoid }: LayoutQuestion): TCPLocation[] {
    if (this.#options.followCluster === false) return [...this.#startNodes];
    const known = before === undefined ? [] : sample(before.nodes, KNOWN_ASKED, this.#random);
    const all = distinct([...prefer, ...known, ...this.#startNodes]);
    if (avoid === undefined || avoid.size === 0) return all;
    return [
      ...all.filter((node) => !avoid.has(keyOf(node))),
      ...all.filter((node) => avoid.has(keyOf(node))),
    ];
  }

  async #ask(node: TCPLocation, options: AskOptions, { before, stamp }: LayoutQuestion): Promise<Discovered> {
    const { ask, resolve, withHealth } = this.#options;
    const asked = stamp?.() ?? 0;
    const health = withHealth === true ? this.#unready(node, options) : Promise.resolve(new Set<string>());
    const slots = await ask(node, 'CLUSTER', ['SLOTS'], options);
    if (slots instanceof RedisError) throw slots;
    const map = parseClusterSlots(slots, node, resolve, before);
    if (map.covered === 0) throw map.refused[0]?.error ?? new RedisClusterError('the node knows no slot');
    if (map.covered < SLOT_COUNT && this.#options.skipFullCoverageCheck !== true) {
      await this.#checkCoverage(node, map, options);
    }
    return { map, unready: await health, stamp: asked };
  }

  /** The ids of failed or loading nodes; empty if CLUSTER SHARDS is not allowed or unknown (before 7.0). */
  async #unready(node: TCPLocation, options: AskOptions): Promise<Set<string>> {
    try {
      return parseUnready(await this.#options.ask(node, 'CLUSTER', ['SHARDS'], options));
    } catch {
      return new Set();
    }
  }

  async #checkCoverage(node: TCPLocation, map: SlotMap, options: AskOptions): Promise<void> {
    let reply: Reply;
    try {
      reply = await this.#options.ask(node, 'CONFIG', ['GET', 'cluster-require-full-coverage'], options);
    } catch (error) {
      if (!(error instanceof ResponseError)) throw error;
      reply = error;
    }
    if (reply instanceof RedisError) {
      this.#warnOnce(
        `${node.toString()} refuses CONFIG GET: full coverage of the slots is not required of it`,
      );
      return;
    }
    if (textOf(fieldsOf(reply)?.get('cluster-require-full-coverage')) !== 'yes') return;
    const text = `Not all slots are covered: ${map.covered} of ${SLOT_COUNT}`;
    const cause = map.refused[0]?.error;
    throw cause === undefined ? new RedisClusterError(text) : refusedFor(text, cause);
  }

  #warnOnce(message: string): void {
    if (this.#warned) return;
    this.#warned = true;
    this.#options.warn?.(message);
  }
}

/** A random sample in random order. */
function sample<T>(all: readonly T[], count: number, random: () => number): T[] {
  const left = all.slice();
  const taken = Math.min(count, left.length);
  for (let index = 0; index < taken; index++) {
    const other = index + Math.floor(random() * (left.length - index));
    const value = left[other]!;
    left[other] = left[index]!;
    left[index] = value;
  }
  return left.slice(0, taken);
}
