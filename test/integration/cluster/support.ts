import { after, before } from 'node:test';
import { ClusterConnectionPool } from '../../../src/index.ts';
import type { ClusterConnectionPoolOptions } from '../../../src/index.ts';
import {
  reply,
  type ScriptedHandler,
  ScriptedServer,
  startCluster,
  type StartClusterOptions,
  type TestCluster,
} from '../../../src/testkit/index.ts';
import { keySlot } from '../../../src/commands/key-slot.ts';

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits for a condition; says what was missed. */
export async function eventually(
  what: string,
  check: () => boolean | Promise<boolean>,
  timeout = 20_000,
): Promise<void> {
  const end = performance.now() + timeout;
  while (!(await check())) {
    if (performance.now() > end) throw new Error(`waited ${timeout} ms for: ${what}`);
    await sleep(10);
  }
}

export function poolOf(
  cluster: Pick<TestCluster, 'startupNodes'>,
  options: Partial<ClusterConnectionPoolOptions<true>> = {},
): ClusterConnectionPool<true> {
  return new ClusterConnectionPool({ startupNodes: cluster.startupNodes, decodeResponses: true, ...options });
}

/** Starts a cluster and a pool before the tests of a `describe`, and stops both after them. */
export function useCluster(
  options: StartClusterOptions,
  started: (cluster: TestCluster, pool: ClusterConnectionPool<true>) => void,
): void {
  let stop = async (): Promise<void> => {};
  before(async () => {
    const cluster = await startCluster(options);
    const pool = poolOf(cluster);
    stop = async () => {
      await pool.close();
      await cluster.stop();
    };
    started(cluster, pool);
  });
  after(() => stop());
}

/** `count` different keys of one slot, made by its hash tag. */
export function keysOfSlot(slot: number, count: number): string[] {
  for (let tag = 0; ; tag++) {
    if (keySlot(`{${tag}}`) === slot) return Array.from({ length: count }, (_, index) => `{${tag}}:${index}`);
  }
}

/** A key of the form `name:n` in a slot that passes. */
export function keyWhere(passes: (slot: number) => boolean, name = 'key'): string {
  for (let index = 0; ; index++) if (passes(keySlot(`${name}:${index}`))) return `${name}:${index}`;
}

export interface ScriptedRange {
  readonly from: number;
  readonly to: number;
  /** Host as the server announces it; null, '' and '?' included. */
  readonly nodes: readonly (readonly [host: string | null, port: number, id: string])[];
}

/** The answer to CLUSTER SLOTS. */
export function slotsReply(ranges: readonly ScriptedRange[]): string {
  return reply.array(
    ...ranges.map(({ from, to, nodes }) =>
      reply.array(
        reply.integer(from),
        reply.integer(to),
        ...nodes.map(([host, port, id]) =>
          reply.array(
            host === null ? reply.null : reply.bulk(host),
            reply.integer(port),
            reply.bulk(id),
            reply.array(),
          ),
        ),
      ),
    ),
  );
}

/** Scripted nodes, each with half of the slots or its like; `script` may answer first. */
export async function scriptedCluster(
  count: number,
  script: (index: number, nodes: readonly ScriptedServer[]) => ScriptedHandler = () => () => undefined,
  ranges?: (nodes: readonly ScriptedServer[]) => readonly ScriptedRange[],
): Promise<ScriptedServer[]> {
  const nodes: ScriptedServer[] = [];
  for (let index = 0; index < count; index++) nodes.push(await ScriptedServer.start({}, { mode: 'cluster' }));
  const layout = ranges ?? evenly;
  for (const [index, node] of nodes.entries()) {
    const own = script(index, nodes);
    node.script((args, connection, raw) => {
      const answer = own(args, connection, raw);
      if (answer !== undefined) return answer;
      const words = args.slice(0, 2).join(' ').toUpperCase();
      if (words === 'CLUSTER SLOTS') return slotsReply(layout(nodes));
      return undefined;
    });
  }
  return nodes;
}

export function evenly(nodes: readonly ScriptedServer[]): ScriptedRange[] {
  return nodes.map(({ host, port }, index) => ({
    from: Math.floor((index * 16_384) / nodes.length),
    to: Math.floor(((index + 1) * 16_384) / nodes.length) - 1,
    nodes: [[host, port, `node-${index}`]],
  }));
}

/** The number of requests for the layout, over all nodes. */
export function layoutQuestions(nodes: readonly ScriptedServer[]): number {
  return nodes
    .flatMap(({ commands }) => commands)
    .filter(({ args }) => args.slice(0, 2).join(' ').toUpperCase() === 'CLUSTER SLOTS').length;
}

export async function closeAll(nodes: readonly { close(): Promise<void> }[]): Promise<void> {
  await Promise.all(nodes.map((node) => node.close()));
}

export function startNodesOf(nodes: readonly ScriptedServer[]): {
  startupNodes: { host: string; port: number }[];
} {
  return { startupNodes: nodes.map(({ host, port }) => ({ host, port })) };
}
