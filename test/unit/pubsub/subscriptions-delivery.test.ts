import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AbstractChannel } from '../../../src/interfaces/abstract-channel.ts';
import { Channel } from '../../../src/pubsub/channels/channel.ts';
import { b, feed, FakeServer, make, read } from './support.ts';

describe('Subscriptions: delivery', () => {
  it('a message reaches every channel object of its name, each once', async () => {
    const { registry } = make();
    const server = new FakeServer(registry.attach());
    const one = new Channel('a');
    const two = new Channel('a');
    registry.want('channel', [one, one]);
    registry.want('channel', [two]);
    registry.want('channel', [one, 'a']);
    server.settle();
    assert.deepEqual(registry.channels.all('a'), [one, two]);
    server.publish('a', '1');
    server.publish('a', '2');
    for (const channel of [one, two]) {
      assert.deepEqual([await channel.get(), await channel.get()], [b('1'), b('2')]);
    }
    await registry.unwant('channel', [one]).promise;
    assert.equal(one.isActive, false);
    server.publish('a', '3');
    assert.deepEqual(await two.get(), b('3'));
    assert.deepEqual(server.link.surplus(), []);
  });

  it('patterns and shard channels are routed, and other pushes are left alone', async () => {
    const { registry } = make();
    const server = new FakeServer(registry.attach());
    registry.want('pattern', ['a*']);
    registry.want('shard', ['s']);
    server.settle();
    assert.equal(feed(server.link, [b('pmessage'), b('a*'), b('ab'), b('1')]), true);
    assert.equal(feed(server.link, [b('smessage'), b('s'), b('2')]), true);
    assert.equal(feed(server.link, [b('message'), b('unknown'), b('2')]), false);
    assert.equal(feed(server.link, [b('invalidate'), null]), false);
    assert.equal(feed(server.link, [b('moments'), b('x')]), false);
    assert.equal(feed(server.link, [b('unsubscribe'), null, 0]), false);
    assert.deepEqual(await read(registry.patterns.get('a*')), [b('ab'), b('1')]);
    assert.deepEqual(await read(registry.shardChannels.get('s')), b('2'));
  });

  it('a channel that throws does not disturb the others', async () => {
    class Bad extends AbstractChannel {
      get name(): Buffer {
        return b('a');
      }
      get isPattern(): boolean {
        return false;
      }
      get isActive(): boolean {
        return true;
      }
      putNowait(): void {
        throw new Error('bad');
      }
      get(): Promise<unknown> {
        return Promise.resolve(null);
      }
      close(): void {
        throw new Error('bad');
      }
    }
    const { registry } = make();
    const server = new FakeServer(registry.attach());
    const good = new Channel('a');
    registry.want('channel', [new Bad(), good]);
    server.settle();
    server.publish('a', '1');
    assert.deepEqual(await good.get(), b('1'));
    registry.unwant('channel', ['a']);
    assert.equal(good.isActive, false);
  });

  it('a channel whose methods reject is reported once', async () => {
    const rejected = (what: string): void => Promise.reject(new Error(what)) as unknown as void;
    class Bad extends AbstractChannel {
      readonly name = b('a');
      readonly isPattern = false;
      readonly isActive = true;
      override putNowait(): void {
        return rejected('put');
      }
      get(): Promise<unknown> {
        return Promise.resolve(null);
      }
      override close(): void {
        return rejected('close');
      }
      override gap(): void {
        return rejected('gap');
      }
    }
    // Warnings of others are on their way.
    await new Promise(setImmediate);
    const warnings: (string | undefined)[] = [];
    const listener = (warning: Error & { code?: string }): void => void warnings.push(warning.code);
    process.on('warning', listener);
    const { registry } = make();
    const server = new FakeServer(registry.attach());
    registry.want('channel', [new Bad()]);
    server.settle();
    server.publish('a', '1');
    server.link.lost(0, new Error('lost'));
    new FakeServer(registry.attach()).settle();
    registry.unwant('channel', ['a']);
    await new Promise(setImmediate);
    process.off('warning', listener);
    assert.deepEqual(warnings, ['RESPOOL_CALLBACK']);
  });

  it('a channel that closes itself ends its subscription', () => {
    const { registry } = make();
    const server = new FakeServer(registry.attach());
    const small = new Channel('a', { maxMessages: 1, overflow: 'close' });
    const mine = new Channel('b');
    registry.want('channel', [small, mine]);
    server.settle();
    server.publish('a', '1');
    server.publish('a', '2');
    mine.close();
    assert.deepEqual([...registry.channels.keys()], []);
    server.settle();
    assert.equal(server.sets.channel.size, 0);
    assert.ok(small.isActive);
  });

  it('the link pauses while any channel is full', async () => {
    const { registry, paused } = make();
    const server = new FakeServer(registry.attach());
    const one = new Channel('a', { maxMessages: 1 });
    const two = new Channel('a', { maxMessages: 2 });
    registry.want('channel', [one, two]);
    server.settle();
    server.publish('a', '1');
    server.publish('a', '2');
    assert.deepEqual(paused, [true]);
    await one.get();
    await one.get();
    assert.equal(registry.paused, true);
    registry.unwant('channel', [two]);
    assert.deepEqual(paused, [true, false]);
  });
});
