import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  AuthorizationError,
  ChannelClosedError,
  OverloadedError,
  PoolClosedError,
} from '../../../src/errors/errors.ts';
import type { AbstractChannel } from '../../../src/interfaces/abstract-channel.ts';
import type { ChannelGap } from '../../../src/interfaces/abstract-channel.ts';
import { ChannelView } from '../../../src/pubsub/channels/channel-view.ts';
import { Channel } from '../../../src/pubsub/channels/channel.ts';
import { UTF8 } from '../../../src/resp/text-modes.ts';
import { b, feed, FakeServer, make, read } from './support.ts';

describe('Subscriptions: acknowledged calls', () => {
  it('a call resolves with one triple for each name', async () => {
    const { registry } = make();
    const server = new FakeServer(registry.attach());
    const call = registry.want('channel', ['a', b('b'), new Channel('c')]);
    assert.equal(registry.size, 0);
    assert.deepEqual(
      server.link.missing().map((c) => [c.command, c.names]),
      [['SUBSCRIBE', [b('a'), b('b'), b('c')]]],
    );
    server.settle();
    assert.deepEqual(await call.promise, [
      [b('subscribe'), b('a'), 1],
      [b('subscribe'), b('b'), 2],
      [b('subscribe'), b('c'), 3],
    ]);
    assert.equal(registry.size, 3);
    const pattern = registry.want('pattern', ['p*']);
    const shard = registry.want('shard', ['s', 's']);
    server.settle();
    assert.deepEqual(await pattern.promise, [[b('psubscribe'), b('p*'), 4]]);
    assert.deepEqual(await shard.promise, [
      [b('ssubscribe'), b('s'), 1],
      [b('ssubscribe'), b('s'), 1],
    ]);
    assert.equal(registry.size, 5);
  });

  it('names that the server has already, or that are not subscribed, are answered at once', async () => {
    const { registry } = make();
    const server = new FakeServer(registry.attach());
    registry.want('channel', ['a']);
    server.settle();
    assert.deepEqual(await registry.want('channel', ['a']).promise, [[b('subscribe'), b('a'), 1]]);
    assert.deepEqual(await registry.unwant('channel', ['x']).promise, [[b('unsubscribe'), b('x'), 1]]);
    assert.deepEqual(await registry.unwant('pattern', ['a']).promise, [[b('punsubscribe'), b('a'), 1]]);
    assert.equal(server.commands, 1);
    const end = registry.unwant('channel', ['a', 'a']);
    server.settle();
    assert.deepEqual(await end.promise, [
      [b('unsubscribe'), b('a'), 0],
      [b('unsubscribe'), b('a'), 0],
    ]);
    assert.equal(registry.idle, true);
  });

  it('invalid targets are refused before anything changes', () => {
    const { registry } = make();
    const closed = new Channel('x');
    closed.close();
    const pattern = new Channel('p', { isPattern: true });
    assert.throws(() => registry.want('channel', ['a', pattern]), TypeError);
    assert.throws(() => registry.want('pattern', ['a', new Channel('p')]), TypeError);
    assert.throws(() => registry.want('channel', ['a', closed]), TypeError);
    assert.throws(() => registry.want('channel', ['a', null as unknown as string]), TypeError);
    assert.equal(registry.idle, true);
  });

  it('a refused subscription rejects and leaves its name; names of other calls go on', async () => {
    const { registry } = make();
    const server = new FakeServer(registry.attach());
    server.forbidden.add('no');
    const mine = new Channel('fine');
    const bad = registry.want('channel', [mine, 'no']);
    const good = registry.want('channel', ['other']);
    const rejected = assert.rejects(bad.promise, AuthorizationError);
    server.settle();
    await rejected;
    assert.deepEqual(await good.promise, [[b('subscribe'), b('other'), (await good.promise)[0]?.[2]]]);
    assert.deepEqual([...server.sets.channel], ['other']);
    assert.deepEqual([...registry.channels.keys()], [b('other')]);
    await assert.rejects(mine.get(), (error) => (error as Error).cause instanceof AuthorizationError);
  });

  it('a call that gave up leaves its names, unless another call waits for them', async () => {
    const { registry } = make();
    const server = new FakeServer(registry.attach());
    const call = registry.want('channel', ['a', 'b']);
    const other = registry.want('channel', ['b']);
    call.fail(new Error('enough'));
    await assert.rejects(call.promise, /enough/);
    server.settle();
    await other.promise;
    assert.deepEqual([...server.sets.channel], ['b']);
  });

  it('a call waits for its own acknowledgement though the name is left meanwhile, and rejects where none will come', async () => {
    const { registry } = make();
    const unsent = registry.want('channel', ['a']);
    const left = registry.unwant('channel', ['a']);
    await assert.rejects(unsent.promise, ChannelClosedError);
    assert.deepEqual(await left.promise, [[b('unsubscribe'), b('a'), 0]]);

    const server = new FakeServer(registry.attach());
    const calls = [registry.want('channel', ['a', 'b'])];
    server.send();
    calls.push(registry.unwant('channel', ['a']));
    server.send();
    calls.push(registry.want('channel', ['a']));
    server.send();
    registry.unwant('channel', ['a']);
    server.send();
    const done: number[] = [];
    for (const [at, { promise }] of calls.entries()) void promise.then(() => done.push(at));
    for (const expected of [[], [0], [0, 1], [0, 1, 2]]) {
      await new Promise(setImmediate);
      assert.deepEqual(done, expected);
      server.answer();
    }
    assert.deepEqual(await calls[0]?.promise, [
      [b('subscribe'), b('a'), 1],
      [b('subscribe'), b('b'), 2],
    ]);

    server.settle();
    // Taken and left twice while one subscription is under way: it answers both.
    const both = [registry.want('channel', ['twice'])];
    server.send();
    registry.unwant('channel', ['twice']);
    both.push(registry.want('channel', ['twice']));
    registry.unwant('channel', ['twice']);
    server.settle();
    for (const { promise } of both) assert.equal((await promise).length, 1);

    server.forbidden.add('no');
    const refused = registry.want('channel', ['no']);
    server.send();
    registry.unwant('channel', ['no']);
    const rejected = assert.rejects(refused.promise, AuthorizationError);
    server.settle();
    await rejected;
    const lost = registry.want('channel', ['c']);
    server.send();
    registry.unwant('channel', ['c']);
    server.link.lost(0, new Error('lost'));
    await assert.rejects(lost.promise, { name: 'ChannelClosedError', cause: new Error('lost') });
    const next = new FakeServer(registry.attach());
    const closed = registry.want('channel', ['d']);
    next.send();
    registry.unwant('channel', ['d']).promise.catch(() => {});
    registry.close(undefined, new PoolClosedError('closed'));
    await assert.rejects(closed.promise, PoolClosedError);
  });

  it('a channel that was not subscribed yet stays open when its call gives up', async () => {
    const { registry } = make();
    const channel = new Channel('a');
    const call = registry.want('channel', [channel]);
    call.fail(new Error('enough'));
    await assert.rejects(call.promise, /enough/);
    assert.equal(registry.idle, true);
    const server = new FakeServer(registry.attach());
    const again = registry.want('channel', [channel]);
    server.settle();
    await again.promise;
    server.publish('a', '1');
    assert.deepEqual(await channel.get(), b('1'));
  });

  it('a refused unsubscription rejects, and is not repeated for ever', async () => {
    const { registry } = make();
    const server = new FakeServer(registry.attach());
    registry.want('channel', ['a']);
    server.settle();
    const end = registry.unwant('channel', ['a']);
    const [command] = server.link.surplus();
    assert.ok(command);
    server.link.sent(command);
    server.link.refused(command, new AuthorizationError('NOPERM no'));
    await assert.rejects(end.promise, AuthorizationError);
    assert.deepEqual(server.link.surplus(), []);
    const second = registry.unwant('channel', ['a']);
    const [repeated] = server.link.surplus();
    assert.ok(repeated);
    server.link.sent(repeated);
    server.link.refused(repeated, new AuthorizationError('NOPERM no'));
    await assert.rejects(second.promise, AuthorizationError);
    assert.deepEqual(server.link.surplus(), []);
    server.publish('a', 'ignored');
    const again = registry.want('channel', ['a']);
    await again.promise;
    server.publish('a', 'heard');
    assert.deepEqual(await read(registry.channels.get('a')), b('heard'));
  });

  it('names of different groups and long lists go into several commands', () => {
    const { registry } = make();
    const link = registry.attach();
    registry.want('shard', ['a1', 'b1', 'a2', 'c1']);
    const placement = {
      here: (_: string, name: Buffer) => name[0] !== 0x63,
      group: (_: string, name: Buffer) => name[0] ?? 0,
    };
    assert.deepEqual(
      link.missing(placement).map((c) => c.names.map(String)),
      [['a1', 'a2'], ['b1']],
    );
    registry.want(
      'channel',
      Array.from({ length: 1100 }, (_, i) => String(i)),
    );
    assert.deepEqual(
      link
        .missing()
        .filter((c) => c.kind === 'channel')
        .map((c) => c.names.length),
      [512, 512, 76],
    );
  });
});

describe('Subscriptions: views', () => {
  it('views are live and read-only, and take names as text or bytes', () => {
    const { registry } = make();
    const server = new FakeServer(registry.attach());
    const view = registry.channels;
    const channel = new Channel('é');
    registry.want('channel', [channel, 'b']);
    assert.equal(view.size, 0);
    assert.equal(view.has('b'), false);
    server.settle();
    assert.equal(view.size, 2);
    assert.equal(view.get('é'), channel);
    assert.equal(view.get(b('é')), channel);
    assert.equal(view.get(new Uint8Array(b('é'))), channel);
    assert.equal(view.has(b('b')), true);
    assert.equal(view.get('x'), undefined);
    for (const wrong of [1, null, undefined, {}] as never[]) {
      const refused = { name: 'TypeError', message: /^the name of a channel must be a string or bytes; got/ };
      assert.throws(() => view.get(wrong), refused);
      assert.throws(() => view.all(wrong), refused);
      assert.throws(() => view.has(wrong), refused);
    }
    assert.deepEqual(view.all('x'), []);
    assert.deepEqual([...view.keys()].map(String), ['é', 'b']);
    assert.deepEqual(
      [...view].map(([name, channels]) => [name.toString(), channels.length]),
      [
        ['é', 1],
        ['b', 1],
      ],
    );
    assert.throws(() => (view.all('é') as AbstractChannel[]).push(channel), TypeError);
    assert.throws(() => Object.assign(view, { extra: 1 }), TypeError);
    const other = make().registry;
    const second = new FakeServer(other.attach());
    other.want('channel', ['b', 'c']);
    second.settle();
    const joined = ChannelView.join([view, other.channels], UTF8);
    assert.equal(joined.size, 3);
    assert.equal(joined.all('b').length, 2);
  });

  it('views are empty after close, and every channel has ended', async () => {
    const { registry } = make();
    const link = registry.attach();
    const server = new FakeServer(link);
    registry.want('channel', ['a']);
    server.settle();
    const channel = registry.channels.get('a');
    const going = registry.unwant('channel', ['a', 'b']);
    const waiting = registry.want('pattern', ['p']);
    const kept = new Channel('kept');
    registry.want('channel', [kept]).promise.catch(() => {});
    const lost = new OverloadedError('gone');
    registry.close(lost, new PoolClosedError('closed'));
    await assert.rejects(waiting.promise, PoolClosedError);
    // No name is subscribed any more, as the call asked.
    assert.equal((await going.promise).length, 2);
    await assert.rejects(kept.get(), (error) => error instanceof ChannelClosedError && error.cause === lost);
    assert.equal(channel?.isActive, false);
    assert.equal(registry.size, 0);
    assert.equal(feed(link, [b('message'), b('a'), b('late')]), true);
  });
});

describe('Subscriptions: loss', () => {
  it('the next link restores the subscriptions, with one gap for the earlier subscribers', async () => {
    const { registry, now } = make();
    const first = new FakeServer(registry.attach());
    const gaps: ChannelGap[] = [];
    const old = new Channel('a', { onGap: (gap) => gaps.push(gap) });
    const young = new Channel('a', { onGap: () => assert.fail('it missed nothing') });
    const pending = registry.want('channel', ['later']);
    registry.want('channel', [old]);
    first.send();
    first.answer();
    const reason = new Error('reset');
    first.link.lost(900, reason);
    first.link.lost(950, new Error('twice'));
    assert.equal(registry.size, 2);
    const call = registry.want('channel', [young]);
    const second = registry.attach();
    second.lost(990, new Error('again'));
    now.at = 2000;
    const third = new FakeServer(registry.attach());
    third.settle();
    await Promise.all([pending.promise, call.promise]);
    assert.deepEqual(gaps, [{ reason, from: 900, to: 2000 }]);
    assert.equal(old.gaps, 1);
    assert.equal(young.gaps, 0);
    assert.equal(feed(first.link, [b('message'), b('a'), b('ghost')]), false);
    third.publish('a', 'm');
    assert.deepEqual(await old.get(), b('m'));
  });

  it('a lost connection resolves its unsubscription', async () => {
    const { registry } = make();
    const server = new FakeServer(registry.attach());
    registry.want('channel', ['a', 'b']);
    server.settle();
    const end = registry.unwant('channel', ['a']);
    server.send();
    server.link.lost(1, new Error('reset'));
    assert.deepEqual(await end.promise, [[b('unsubscribe'), b('a'), 1]]);
    const next = new FakeServer(registry.attach());
    next.settle();
    assert.deepEqual([...next.sets.channel], ['b']);
  });

  it('a name taken, left and taken again waits for its last acknowledgement', async () => {
    const { registry } = make();
    const server = new FakeServer(registry.attach());
    registry.want('channel', ['a']);
    server.send();
    const left = registry.unwant('channel', ['a']);
    server.send();
    const channel = new Channel('a');
    const again = registry.want('channel', [channel]);
    server.send();
    assert.equal(server.queue.length, 3);
    server.answer();
    assert.equal(registry.size, 0);
    server.answer();
    await left.promise;
    assert.equal(again.settled, false);
    server.answer();
    await again.promise;
    server.settle();
    assert.equal(server.commands, 3);
    const quick = registry.unwant('channel', ['a']);
    const back = registry.want('channel', ['a']);
    await Promise.all([quick.promise, back.promise]);
    server.settle();
    assert.equal(server.commands, 3);
    assert.equal(channel.isActive, false);
  });

  it('subscriptions ended by a moved slot, or by a link that takes over, are restored', async () => {
    const { registry, now } = make();
    const old = registry.attach();
    const next = registry.attach();
    const channel = new Channel('s');
    const call = registry.want('shard', [channel]);
    const [command] = old.missing();
    assert.ok(command);
    old.sent(command);
    feed(old, [b('ssubscribe'), b('s'), 1]);
    await call.promise;
    now.at = 1500;
    assert.equal(feed(old, [b('sunsubscribe'), b('s'), 0]), true);
    assert.deepEqual(
      next.missing().map((c) => c.command),
      ['SSUBSCRIBE'],
    );
    next.sent(command);
    now.at = 1600;
    feed(next, [b('ssubscribe'), b('s'), 1]);
    assert.equal(channel.gaps, 1);
    feed(next, [b('smessage'), b('s'), b('x')]);
    feed(old, [b('smessage'), b('s'), b('not twice')]);
    channel.close();
    assert.deepEqual(await channel.get(), b('x'));
    assert.equal(channel.isActive, false);
  });
});
