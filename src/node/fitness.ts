import { BULK, type ConnectionCore } from '../connection/connection-core.ts';
import type { ResourceState } from '../pooling/resource-hooks.ts';
import { abandoned, leftThisTick } from './outstanding.ts';

/** What a connection is good for now, in the words of the pool core; asked for every shared piece of work. */
export function fitness(core: ConnectionCore, detour: () => boolean): ResourceState {
  if (core.state !== 'ready') return 'dead';
  if (core.suspect || core.reserved) return 'suspended';
  if (!core.session.clean) return whenUnclean(core);
  if (!core.inbox.empty) return 'dirty';
  if (core.outstanding === 0 || leftThisTick(core)) return 'ready';
  return core.pendingBulk > BULK && detour() ? 'suspended' : 'busy';
}

function whenUnclean(core: ConnectionCore): ResourceState {
  if (core.outstanding === 0 || !core.session.willBeClean) return 'dirty';
  // What blocks for nobody would keep the connection for ever.
  return core.session.blocking > 0 && abandoned(core) ? 'dirty' : 'suspended';
}
