import { TestServer, type LaunchedServer } from './test-server.ts';

/** A node of a `TestCluster`. */
export class ClusterNode extends TestServer {
  /** `CLUSTER MYID`. */
  readonly id: string;
  readonly index: number;

  constructor(launched: LaunchedServer, index: number, id: string) {
    super(launched);
    this.index = index;
    this.id = id;
  }
}

/** A line of `CLUSTER NODES`. */
export interface NodeLine {
  readonly id: string;
  readonly role: 'primary' | 'replica';
  readonly primaryId: string | null;
  readonly healthy: boolean;
  readonly connected: boolean;
  /** First and last slot of each range; slots that are moving are not listed. */
  readonly slots: readonly (readonly [number, number])[];
}

export function parseNodes(text: string): NodeLine[] {
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [id = '', , flags = '', primaryId = '-', , , , link, ...ranges] = line.trim().split(' ');
      const set = new Set(flags.split(','));
      return {
        id,
        role: set.has('master') ? 'primary' : 'replica',
        primaryId: primaryId === '-' ? null : primaryId,
        healthy: !set.has('fail') && !set.has('fail?') && !set.has('noaddr') && !set.has('handshake'),
        connected: link === 'connected' || set.has('myself'),
        slots: ranges
          .filter((range) => !range.startsWith('['))
          .map((range) => {
            const [first = 0, last = first] = range.split('-').map(Number);
            return [first, last] as const;
          }),
      };
    });
}

/** Parses the `field:value` lines of INFO and CLUSTER INFO. */
function parseInfo(text: string): Map<string, string> {
  return new Map(
    text
      .split(/\r?\n/)
      .filter((line) => line.includes(':'))
      .map((line) => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon), line.slice(colon + 1)];
      }),
  );
}

export async function clusterInfo(node: TestServer): Promise<Map<string, string>> {
  return parseInfo(String(await node.command('CLUSTER', 'INFO')));
}

export async function replicationInfo(node: TestServer): Promise<Map<string, string>> {
  return parseInfo(String(await node.command('INFO', 'replication')));
}

type SlotsEntry = [number, number, ...[unknown, number, string][]];

/** The CLUSTER SLOTS reply as text; nodes that agree return equal texts. */
export async function slotsView(node: TestServer): Promise<string> {
  const entries = (await node.command('CLUSTER', 'SLOTS')) as SlotsEntry[];
  entries.sort((a, b) => a[0] - b[0]);
  return entries
    .map(([first, last, ...members]) => {
      const [primary, ...replicas] = members.map((member) => member[2]);
      return `${first}-${last} ${primary} ${replicas.sort().join()}`;
    })
    .join('\n');
}
