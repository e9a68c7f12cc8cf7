import type { BaseConnection } from '../../connection/base-connection.ts';
import type { Timing } from '../timing.ts';
import type { LayoutKeeper } from './layout-keeper.ts';
import { type Member, type Members, routeAgain } from './members.ts';
import { ReplicaProbe } from './replica-probe.ts';
import type { Shard } from './slot-map.ts';

/** Which replica a read goes to, so that no read waits for one that cannot be reached. */
export class ReplicaReads<C extends BaseConnection> {
  readonly #keeper: LayoutKeeper;
  readonly #members: Members<C>;
  readonly #probe: ReplicaProbe<C>;

  constructor(keeper: LayoutKeeper, members: Members<C>, timing: Timing) {
    this.#keeper = keeper;
    this.#members = members;
    this.#probe = new ReplicaProbe<C>({
      timing,
      replicas: () => [...members].filter(({ listed, replica }) => listed && replica),
      answered: (member, elapsed) => keeper.answered(member.location, elapsed),
      failed: (member, error) => {
        keeper.ailing(member.location, error);
        this.passBy(member);
      },
    });
  }

  /** A healthy, quick one. Reads wait for its first connection; later ones are made aside while the primary answers. */
  choose({ replicas }: Shard): Member<C> | null {
    if (replicas.length === 0) return null;
    this.#probe.used();
    const location = this.#keeper.pickReplica(replicas);
    if (location === null) return null;
    const member = this.#members.at(location);
    if (member.node.tryShare() !== null) {
      member.met = true;
      return member;
    }
    if (!member.met) return member;
    this.#probe.revive(member);
    return null;
  }

  /** Who waits for a connection to it goes elsewhere, and nobody else does. */
  passBy(member: Member<C>): void {
    member.met = true;
    if (member.node.figures.open > 0) return;
    member.node.sendAway(() => routeAgain(member));
  }

  close(): void {
    this.#probe.close();
  }
}
