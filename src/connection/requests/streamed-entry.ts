import type { CommandInfo } from '../../commands/command-info.ts';
import type { RedisError } from '../../errors/errors.ts';
import { type Wire, wireLength } from '../../resp/encoder.ts';
import type { Reply } from '../../resp/types.ts';
import type { DecodeMode } from '../../resp/text-modes.ts';
import type { ConnectionCore } from '../connection-core.ts';
import { Entry } from './entry.ts';
import type { Inbox } from '../reading/inbox.ts';
import { SubscriptionEntry } from './subscription-entry.ts';

/** The entry of `sendCommand`: nobody waits for its reply, which goes to `streamedMessages`. */
export class StreamedEntry extends Entry {
  readonly #inbox: Inbox;

  constructor(inbox: Inbox, info: CommandInfo, wire: Wire, mode: DecodeMode) {
    super(info, wire, wireLength(wire), mode);
    this.#inbox = inbox;
    this.streamed = true;
  }
  succeed(value: Reply): void {
    if (!this.noreply) this.#inbox.stream(value);
  }
  refuse(error: Error): void {
    this.#inbox.stream(error as RedisError);
  }
  fail(): void {}
}

/** As `StreamedEntry`, for the SUBSCRIBE family: replies other than acknowledgements go to `streamedMessages`. */
export class StreamedSubscription extends SubscriptionEntry {
  readonly #inbox: Inbox;

  constructor(
    core: ConnectionCore,
    info: CommandInfo,
    wire: Wire,
    mode: DecodeMode,
    names: readonly string[],
  ) {
    super(core, info, wire, mode, names);
    this.#inbox = core.inbox;
    this.streamed = true;
  }
  succeed(): void {}
  override answeredInBand(value: Reply): void {
    this.#inbox.stream(value);
  }
  refuse(error: Error): void {
    this.#inbox.stream(error as RedisError);
  }
  fail(): void {}
}
