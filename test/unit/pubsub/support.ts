import assert from 'node:assert/strict';
import { AuthorizationError } from '../../../src/errors/errors.ts';
import type { AbstractChannel } from '../../../src/interfaces/abstract-channel.ts';
import type { ChannelGap } from '../../../src/interfaces/abstract-channel.ts';
import { Channel } from '../../../src/pubsub/channels/channel.ts';
import type { Reply } from '../../../src/resp/types.ts';
import { readAcknowledgement } from '../../../src/pubsub/subscriptions/subscription-kinds.ts';
import type {
  SubscriptionCommand,
  SubscriptionLink,
} from '../../../src/pubsub/subscriptions/subscription-link.ts';
import { Subscriptions } from '../../../src/pubsub/subscriptions/subscriptions.ts';

/** The bytes of a text. */
export const b = (text: string): Buffer => Buffer.from(text);

/** Hands a push to the link, as a message or as an acknowledgement; false if it is neither. */
export function feed(link: SubscriptionLink, push: Reply[]): boolean {
  if (link.message(push)) return true;
  const ack = readAcknowledgement(push);
  if (ack === null) return false;
  link.server.book(ack);
  return link.acknowledged(ack);
}

/** Answers commands like a server, one at a time when asked. */
export class FakeServer {
  readonly sets = { channel: new Set<string>(), pattern: new Set<string>(), shard: new Set<string>() };
  readonly queue: SubscriptionCommand[] = [];
  readonly forbidden = new Set<string>();
  commands = 0;
  readonly link: SubscriptionLink;

  constructor(link: SubscriptionLink) {
    this.link = link;
  }
  send(): void {
    for (const command of [...this.link.surplus(), ...this.link.missing()]) {
      this.link.sent(command);
      this.queue.push(command);
      this.commands++;
    }
  }
  answer(): boolean {
    const command = this.queue.shift();
    if (command === undefined) return false;
    const { kind, subscribe, names } = command;
    if (subscribe && names.some((name) => this.forbidden.has(name.toString()))) {
      this.link.refused(command, new AuthorizationError('NOPERM no'));
      return true;
    }
    for (const name of names) {
      if (subscribe) this.sets[kind].add(name.toString());
      else this.sets[kind].delete(name.toString());
      const count = kind === 'shard' ? this.sets.shard.size : this.sets.channel.size + this.sets.pattern.size;
      feed(this.link, [b(command.command.toLowerCase()), name, count]);
    }
    if (kind === 'shard' && !subscribe) this.link.finished(command);
    return true;
  }
  settle(): void {
    for (let rounds = 0; rounds < 100; rounds++) {
      this.send();
      if (!this.answer()) return;
    }
    throw new Error('it does not come to rest');
  }
  publish(name: string, message: string): void {
    if (this.sets.channel.has(name)) feed(this.link, [b('message'), b(name), b(message)]);
  }
}

export function make(now = { at: 1000 }): {
  registry: Subscriptions;
  now: { at: number };
  paused: boolean[];
} {
  const paused: boolean[] = [];
  const registry = new Subscriptions({
    makeChannel: (kind, name) => new Channel(name, { isPattern: kind === 'pattern' }),
    onWork: () => {},
    onPause: (state) => paused.push(state),
    now: () => now.at,
  });
  return { registry, now, paused };
}

/** The next message of a channel that must exist. */
export function read(channel: AbstractChannel | undefined): Promise<unknown> {
  assert.ok(channel);
  return channel.get();
}

/** A gap that ends at `to`. */
export const gapOf = (to: number): ChannelGap => ({ reason: new Error('lost'), from: to - 1, to });

/** Puts the numbers from `from` up to `to` into a channel. */
export function fill(channel: AbstractChannel, from: number, to: number): void {
  for (let i = from; i < to; i++) channel.putNowait(b(String(i)));
}
