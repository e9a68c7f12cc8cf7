import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AbstractChannel } from '../../../src/interfaces/abstract-channel.ts';
import { Channel } from '../../../src/pubsub/channels/channel.ts';
import type { SubscriptionLink } from '../../../src/pubsub/subscriptions/subscription-link.ts';
import { nameKey } from '../../../src/pubsub/subscriptions/subscription-kinds.ts';
import { Subscriptions } from '../../../src/pubsub/subscriptions/subscriptions.ts';
import { BYTES, UTF8 } from '../../../src/resp/text-modes.ts';

const b = (text: string): Buffer => Buffer.from(text);

class Bytes extends AbstractChannel {
  readonly isPattern = false;
  readonly got: unknown[] = [];
  readonly name: Buffer;
  constructor(name: string) {
    super();
    this.name = b(name);
  }
  get isActive(): boolean {
    return true;
  }
  putNowait(data: unknown): void {
    this.got.push(data);
  }
  get(): Promise<unknown> {
    return Promise.reject(new Error('no'));
  }
  close(): void {}
}

function subscribed(...channels: AbstractChannel[]): { registry: Subscriptions; link: SubscriptionLink } {
  const registry = new Subscriptions({ makeChannel: (_, name) => new Channel(name), onWork: () => {} });
  const link = registry.attach();
  registry.want('channel', channels).promise.catch(() => {});
  settle(link);
  return { registry, link };
}
function settle(link: SubscriptionLink): void {
  for (const command of [...link.surplus(), ...link.missing()]) {
    link.sent(command);
    const { kind, subscribe, names } = command;
    for (const name of names) {
      const ack = { kind, subscribe, key: nameKey(name), count: 1 };
      link.server.book(ack);
      link.acknowledged(ack);
    }
  }
}
function find(
  link: SubscriptionLink,
  name: string,
  kind: 'channel' | 'pattern' | 'shard' = 'channel',
): ReturnType<SubscriptionLink['find']> {
  const bytes = b(`..${name}..`);
  return link.find(bytes, 2, bytes.length - 2, kind);
}

describe('the short path of messages', () => {
  it('a name is matched by its bytes, and reaches its own subscribers only', () => {
    const channels = Array.from({ length: 50 }, (_, at) => new Bytes(`name:${at}`));
    const { link } = subscribed(...channels);
    for (let round = 0; round < 3; round++) {
      for (const channel of channels) find(link, String(channel.name))?.hear(channel.name);
    }
    for (const channel of channels)
      assert.deepEqual(
        channel.got,
        Array.from({ length: 3 }, () => channel.name),
      );
    assert.equal(find(link, 'name:50'), null);
    assert.equal(find(link, 'name:1', 'shard'), null);
    assert.equal(find(link, 'name:1', 'pattern'), null);
    assert.equal(find(link, ''), null);
  });

  it('a pattern gets text as text with the bytes of its channel, and no probe', async () => {
    const pattern = new Channel('a*', { isPattern: true, encoding: 'utf-8' });
    const registry = new Subscriptions({ makeChannel: (_, name) => new Channel(name), onWork: () => {} });
    const link = registry.attach();
    registry.want('pattern', [pattern as unknown as Channel]).promise.catch(() => {});
    settle(link);
    const heard = find(link, 'a*', 'pattern');
    assert.equal(heard?.mode, UTF8);
    assert.equal(heard?.hearFrom(b('ab'), 'žluť'), true);
    assert.equal(heard?.hearFrom(b('ac'), b('\xff')), true);
    assert.equal(heard?.hearFrom(b('__respool:probe:1'), '7'), false);
    assert.equal(heard?.hearFrom(b('ad'), 'žluť'), true);
    assert.deepEqual(await pattern.get(), [b('ab'), 'žluť']);
    assert.deepEqual(await pattern.get(), [b('ac'), b('\xff').toString()]);
    assert.deepEqual(await pattern.get({ encoding: null }), [b('ad'), b('žluť')]);
    const put: unknown[] = [];
    pattern.putNowait = (data) => void put.push(data);
    heard?.hearFrom(b('ae'), 'žluť');
    assert.deepEqual(put, [[b('ae'), b('žluť')]]);
  });

  it('messages are text only where every channel wants the same text', () => {
    const text = (): Channel => new Channel('a', { encoding: 'utf-8' }) as unknown as Channel;
    assert.equal(find(subscribed(text()).link, 'a')?.mode, UTF8);
    assert.equal(find(subscribed(text(), text()).link, 'a')?.mode, UTF8);
    assert.equal(find(subscribed(new Channel('a')).link, 'a')?.mode, BYTES);
    assert.equal(find(subscribed(text(), new Channel('a', { encoding: 'latin1' })).link, 'a')?.mode, BYTES);
    assert.equal(find(subscribed(text(), new Bytes('a')).link, 'a')?.mode, BYTES);
  });

  it('a message that arrived as text can be read as bytes or with another decoder', async () => {
    const channel = new Channel('a', { encoding: 'utf-8', decoder: (text) => `<${String(text)}>` });
    const { link } = subscribed(channel);
    for (let round = 0; round < 4; round++) find(link, 'a')?.hear('žluť');
    assert.equal(await channel.get(), '<žluť>');
    assert.deepEqual(await channel.get({ encoding: null, decoder: null }), b('žluť'));
    assert.equal(await channel.get({ decoder: null }), 'žluť');
    assert.equal(await channel.get({ encoding: 'latin1', decoder: null }), b('žluť').toString('latin1'));
  });

  it('an overridden putNowait() gets bytes', async () => {
    const put: unknown[] = [];
    class Counted extends Channel {
      override putNowait(data: Buffer): void {
        put.push(data);
        super.putNowait(data);
      }
    }
    const counted = new Counted('a', { encoding: 'utf-8' });
    assert.equal(find(subscribed(counted).link, 'a')?.mode, BYTES);
    const spied = new Channel('a', { encoding: 'utf-8' });
    const heard = find(subscribed(spied).link, 'a');
    heard?.hear('before');
    spied.putNowait = (data) => {
      put.push(data);
      Channel.prototype.putNowait.call(spied, data);
      throw new Error('no');
    };
    heard?.hear('žluť');
    assert.deepEqual(put, [b('žluť')]);
    assert.deepEqual([await spied.get(), await spied.get()], ['before', 'žluť']);
  });

  it('the short path ends with the subscription, and with the link', () => {
    const first = new Bytes('a');
    const { registry, link } = subscribed(first);
    find(link, 'a')?.hear(b('1'));
    registry.unwant('channel', ['a']).promise.catch(() => {});
    assert.equal(find(link, 'a'), null);
    // Wanted again before the server heard of it: the new channel hears, the old one no more.
    const second = new Bytes('a');
    registry.want('channel', [second]).promise.catch(() => {});
    find(link, 'a')?.hear(b('2'));
    find(link, 'a')?.hear(b('3'));
    assert.deepEqual([first.got, second.got], [[b('1')], [b('2'), b('3')]]);
    link.lost(0, new Error('lost'));
    assert.equal(find(link, 'a'), null);
  });
});
