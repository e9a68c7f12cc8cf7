import { type BaseConnection, coreOf } from '../connection/base-connection.ts';

/** Whether connections keep the process alive: all do, or after `unref` only those that somebody uses. */
export class ProcessHold {
  /** Idle connections let the process go. */
  idleLetsGo = false;

  /** Somebody begins to use it. */
  hold(connection: BaseConnection): void {
    if (this.idleLetsGo) setRef(connection, true);
  }

  /** It may have become idle. */
  release(connection: BaseConnection, tenure: number): void {
    if (this.idleLetsGo && tenure === 0 && coreOf(connection).outstanding === 0) setRef(connection, false);
  }
}

export function setRef(connection: BaseConnection, on: boolean): void {
  const transport = coreOf(connection).transport as { ref?: () => void; unref?: () => void } | null;
  if (on) transport?.ref?.();
  else transport?.unref?.();
}
