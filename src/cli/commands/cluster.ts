import { setTimeout as sleep } from 'node:timers/promises';
import { ConnectionPool, ReplyMap, type Reply } from '../../index.ts';
import { UsageError } from '../options.ts';
import { type Call, poolOptions } from '../target.ts';
import { integer, table, type Terminal } from '../terminal.ts';

const SLOTS = 16_384;
/** Most cells in the drawing of the slots; fewer on a narrow terminal. */
const CELLS = 64;
const LEAD = 'slots  ';
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const COLOURS = ['green', 'yellow', 'blue', 'magenta', 'cyan', 'white'] as const;

interface Node {
  readonly id: string;
  readonly address: string;
  readonly isPrimary: boolean;
  readonly health: string;
  readonly offset: number;
}

interface Shard {
  readonly slots: readonly (readonly [first: number, last: number])[];
  readonly nodes: readonly Node[];
}

/** Draws slots and nodes of a cluster, once or until Ctrl-C. */
export async function cluster({ options, terminal, target, signal }: Call): Promise<number> {
  if (target.kind === 'sentinel') throw new UsageError('cluster needs the URL of a node of the cluster');
  const watch = options.flag('watch');
  const pause = options.number('interval', 1) * 1_000;
  await using pool = ConnectionPool.fromUrl(target.url, { ...poolOptions(target), decodeResponses: true });
  let uncovered = 0;
  do {
    const shards = shardsOf(
      await pool.executeRequest('CLUSTER', ['SHARDS'], { timeout: target.timeout, signal }),
    );
    const owners = ownersOf(shards);
    uncovered = owners.filter((owner) => owner === null).length;
    if (options.json) terminal.line(JSON.stringify({ uncovered, shards }));
    else
      terminal.draw(drawn(shards, owners, terminal), `${shards.length} shards, ${uncovered} slots uncovered`);
    if (watch) await sleep(pause, undefined, { signal }).catch(() => {});
  } while (watch && !signal.aborted);
  return uncovered === 0 ? 0 : 1;
}

function textOf(fields: ReplyMap, name: string): string {
  const value = fields.get(name);
  return value === undefined || value === null ? '' : String(value);
}

/** Reads the reply to `CLUSTER SHARDS`; malformed parts are left out. */
export function shardsOf(reply: Reply): Shard[] {
  if (!Array.isArray(reply)) return [];
  return reply
    .filter((entry) => entry instanceof ReplyMap)
    .map((entry) => {
      const bounds = entry.get('slots');
      const nodes = entry.get('nodes');
      return {
        slots: rangesOf(Array.isArray(bounds) ? bounds : []),
        nodes: nodesOf(Array.isArray(nodes) ? nodes : []),
      };
    });
}

function rangesOf(bounds: readonly Reply[]): (readonly [number, number])[] {
  const ranges: (readonly [number, number])[] = [];
  for (let index = 0; index + 1 < bounds.length; index += 2)
    ranges.push([Number(bounds[index]), Number(bounds[index + 1])]);
  return ranges;
}

function nodesOf(entries: readonly Reply[]): Node[] {
  return entries
    .filter((entry) => entry instanceof ReplyMap)
    .map((fields) => {
      const host = textOf(fields, 'hostname') || textOf(fields, 'endpoint') || textOf(fields, 'ip');
      return {
        id: textOf(fields, 'id'),
        address: `${host}:${textOf(fields, 'port') || textOf(fields, 'tls-port')}`,
        isPrimary: textOf(fields, 'role') === 'master',
        health: textOf(fields, 'health'),
        offset: Number(textOf(fields, 'replication-offset')),
      };
    });
}

/** Index of the shard that serves each slot; null if none does. */
function ownersOf(shards: readonly Shard[]): (number | null)[] {
  const owners = new Array<number | null>(SLOTS).fill(null);
  for (const [index, { slots, nodes }] of shards.entries()) {
    if (!nodes.some(({ isPrimary, health }) => isPrimary && health === 'online')) continue;
    for (const [first, last] of slots) owners.fill(index, first, last + 1);
  }
  return owners;
}

function drawn(shards: readonly Shard[], owners: readonly (number | null)[], terminal: Terminal): string[] {
  const uncovered = owners.filter((owner) => owner === null).length;
  const paint = (index: number, text: string): string =>
    terminal.style(COLOURS[index % COLOURS.length] ?? 'white', text);
  const cells = Math.max(1, Math.min(CELLS, terminal.columns - LEAD.length));
  const per = SLOTS / cells;
  const strip = Array.from({ length: cells }, (_, cell) => {
    const part = owners.slice(Math.floor(cell * per), Math.floor((cell + 1) * per));
    if (part.includes(null)) return terminal.style('red', '·');
    const owner = part[0] as number;
    return paint(
      owner,
      part.every((one) => one === owner) ? (LETTERS[owner % LETTERS.length] as string) : '+',
    );
  });
  const rows = shards.flatMap((shard, index) => shardRows(shard, index, paint, terminal));
  return [
    `${LEAD}${strip.join('')}`,
    ...table(rows),
    uncovered === 0
      ? terminal.style('green', 'every slot is served')
      : terminal.style('red', `${integer(uncovered)} slots are not served`),
  ];
}

function shardRows(
  { slots, nodes }: Shard,
  index: number,
  paint: (index: number, text: string) => string,
  terminal: Terminal,
): (string | number)[][] {
  const primary = nodes.find(({ isPrimary }) => isPrimary);
  const count = slots.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  const letter = paint(index, LETTERS[index % LETTERS.length] as string);
  const health = (node: Node): string =>
    terminal.style(node.health === 'online' ? 'green' : 'red', node.health);
  const ordered = nodes.toSorted((a, b) => Number(b.isPrimary) - Number(a.isPrimary));
  return ordered.map((node) => {
    if (node.isPrimary) return [letter, 'primary', node.address, health(node), `${integer(count)} slots`];
    const lag = primary === undefined ? 0 : Math.max(0, primary.offset - node.offset);
    return ['', 'replica', node.address, health(node), `${integer(lag)} bytes behind`];
  });
}
