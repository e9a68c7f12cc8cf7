import { kept } from '../../resp/decoding/native-slices.ts';
import { encodeCommand } from '../../resp/encoder.ts';
import type { RedisValue, Reply } from '../../resp/types.ts';
import type { TextEncoding } from '../../resp/text-modes.ts';
import type { Topology } from '../../topology/topology.ts';
import type { CallFactory } from '../calls/call-factory.ts';
import type { RetryLoop } from '../calls/retry-loop.ts';
import type { PoolTraces } from '../pool-traces.ts';
import { ClusterScan, type KeySpace } from './cluster-scan.ts';
import {
  checkScanOptions,
  type KeyScanOptions,
  PagedScan,
  type Scan,
  scanArguments,
  type ScanOptions,
} from './scan.ts';
import { ServerScan } from './server-scan.ts';

export interface ScansSetup {
  readonly loop: RetryLoop;
  readonly topology: Topology;
  readonly factory: CallFactory;
  readonly traces: PoolTraces;
  /** The primaries of a cluster and their slots; null for other pools. */
  readonly keySpace: KeySpace | null;
  readonly encoding: TextEncoding;
  /** Whether the servers send no replies. */
  readonly muted: boolean;
  /** Throws once the pool is closed. */
  readonly refuseIfClosed: () => void;
}

/** Scans of keys and of the elements of one key. */
export class Scans {
  readonly #setup: ScansSetup;

  constructor(setup: ScansSetup) {
    this.#setup = setup;
  }

  keys(options: KeyScanOptions): Scan<Reply> {
    const signal = this.#check(options, true);
    const { loop, keySpace, encoding } = this.#setup;
    const scan = this.#serverScan('SCAN', [], options, signal);
    if (keySpace === null) return new PagedScan(() => scan.pages(null), asTheyAre);
    const pages = (): AsyncIterable<Reply[]> =>
      new ClusterScan(keySpace, scan, encoding, () => loop.acquireDeadline(), signal).pages();
    return new PagedScan(pages, asTheyAre);
  }

  elements<T>(command: string, key: RedisValue, options: ScanOptions, read: (page: Reply[]) => T[]): Scan<T> {
    const scan = this.#serverScan(command, [key], options, this.#check(options, false));
    return new PagedScan(() => scan.pages(null), read);
  }

  #check(options: KeyScanOptions, ofKeys: boolean): AbortSignal | null {
    this.#setup.refuseIfClosed();
    if (this.#setup.muted) throw new TypeError('a scan needs replies, but the pool has noreply: true');
    return checkScanOptions(options, ofKeys);
  }

  #serverScan(
    command: string,
    before: readonly RedisValue[],
    options: KeyScanOptions,
    signal: AbortSignal | null,
  ): ServerScan {
    const { loop, topology, factory, traces } = this.#setup;
    const behind = scanArguments(options).map(kept);
    const own = before.map(kept);
    // Throws now, instead of at the first step, if a value cannot be sent.
    encodeCommand(factory.infoOf(command, own), [...own, ...behind], factory.defaults.textMode);
    return new ServerScan({ loop, topology, factory, traces }, { command, before: own, behind, signal });
  }
}

function asTheyAre(page: Reply[]): Reply[] {
  return page;
}
