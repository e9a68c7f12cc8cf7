import type { OwnWrites } from '../cache/own-writes.ts';
import type { ConnectionCore } from '../connection/connection-core.ts';
import type { Entry } from '../connection/requests/entry.ts';

type Drop = () => void;

/**
 * Sees to it that what is written on a connection itself leaves the cache of its pool: when the request is queued, when
 * it has settled, and once more with the EXEC that carries it out.
 */
export function watchWrites(core: ConnectionCore, writes: OwnWrites): void {
  let held: Drop[] = [];
  core.onRequest = (entry, args) => {
    const transaction = core.session.inTransaction;
    if (!transaction && held.length > 0) held = [];
    if (transaction && entry.info.name === 'EXEC') {
      dropWith(entry, held);
      held = [];
      return;
    }
    const drop = writes.dropOf(entry.info, args);
    if (drop === null) return;
    if (transaction) held.push(drop);
    dropWith(entry, [drop]);
  };
}

/** Only writing entries get own methods: all others keep the shape for which the engine is fast. */
function dropWith(entry: Entry, drops: readonly Drop[]): void {
  if (drops.length === 0) return;
  const drop = (): void => {
    for (const each of drops) each();
  };
  drop();
  const succeed = entry.succeed.bind(entry);
  const refuse = entry.refuse.bind(entry);
  const fail = entry.fail.bind(entry);
  entry.succeed = (value) => {
    drop();
    succeed(value);
  };
  entry.refuse = (error) => {
    drop();
    refuse(error);
  };
  entry.fail = (error) => {
    drop();
    fail(error);
  };
}
