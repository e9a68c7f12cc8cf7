import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { ChannelClosedError, OverloadedError, TimeoutError } from '../../../src/errors/errors.ts';
import { AbstractChannel } from '../../../src/interfaces/abstract-channel.ts';
import { Channel, PatternChannel } from '../../../src/pubsub/channels/typed-channel.ts';
import { flowOf } from '../../../src/pubsub/channels/flow.ts';
import type { FlowState, OverflowPolicy } from '../../../src/pubsub/channels/flow.ts';
import { fill, gapOf } from './support.ts';

const bytes = (text: string): Buffer => Buffer.from(text);
async function drain(channel: Channel<string>): Promise<string[]> {
  const got: string[] = [];
  channel.close();
  for await (const message of channel) got.push(message as string);
  return got;
}

describe('AbstractChannel', () => {
  it('AbstractChannel cannot be constructed', () => {
    const Abstract = AbstractChannel as unknown as new () => AbstractChannel;
    assert.throws(() => new Abstract(), TypeError);
    assert.ok(new Channel('a') instanceof AbstractChannel);
  });
});

describe('Channel: names and options', () => {
  it('a channel copies the bytes of its name', () => {
    assert.deepEqual(new Channel('grün').name, bytes('grün'));
    const given = new Uint8Array([1, 2, 255]);
    const channel = new Channel(given);
    given[0] = 9;
    assert.deepEqual(channel.name, Buffer.from([1, 2, 255]));
    channel.name[0] = 9;
    assert.deepEqual(channel.name, Buffer.from([1, 2, 255]));
    assert.equal(channel.isPattern, false);
    assert.equal(new Channel('a*', { isPattern: true }).isPattern, true);
  });

  it('bad names and options are refused', () => {
    for (const name of [1, null, undefined, {}, true]) {
      assert.throws(() => new Channel(name as unknown as string), TypeError);
    }
    const bad: object[] = [
      { maxMessages: 0 },
      { maxMessages: -1 },
      { maxMessages: NaN },
      { maxMessages: 1.5 },
      { overflow: 'block' },
      { encoding: 'utf16le' },
      { decoder: 'json' },
      { onGap: 1 },
      { isPattern: 1 },
      { size: 3 },
    ];
    for (const options of bad)
      assert.throws(() => new Channel('a', options), TypeError, JSON.stringify(options));
    assert.doesNotThrow(() => new Channel('a', { maxMessages: null, encoding: null, overflow: undefined }));
  });

  it('a channel takes bytes, and a pattern takes pairs, not the other way round', () => {
    assert.throws(() => new Channel('a').putNowait([bytes('a'), bytes('b')]), TypeError);
    assert.throws(() => new Channel('a', { isPattern: true }).putNowait(bytes('b')), TypeError);
  });
});

describe('Channel: reading', () => {
  it('messages come in order, and readers are served first come, first served', async () => {
    const channel = new Channel('a', { encoding: 'utf-8' });
    const waiting = [channel.get(), channel.get()];
    fill(channel, 0, 4);
    assert.deepEqual(await Promise.all([...waiting, channel.get(), channel.get()]), ['0', '1', '2', '3']);
  });

  it('option ChannelOptions.isPattern: a pattern gives pairs, and decodes only the message', async () => {
    const channel = new Channel('a*', { isPattern: true, decoder: (message) => Number(message.toString()) });
    channel.putNowait([bytes('ab'), bytes('7')]);
    assert.deepEqual(await channel.get(), [bytes('ab'), 7]);
  });

  it('option ChannelOptions.decoder gets the text that option ChannelOptions.encoding made; invalid bytes stay as they are', async () => {
    const seen: unknown[] = [];
    const channel = new Channel('a', { encoding: 'utf-8', decoder: (message) => void seen.push(message) });
    channel.putNowait(bytes('é'));
    channel.putNowait(Buffer.from([0xff]));
    await channel.get();
    await channel.get();
    assert.deepEqual(seen, ['é', Buffer.from([0xff])]);
    const ascii = new Channel('a', { encoding: 'ascii' });
    ascii.putNowait(bytes('é'));
    ascii.putNowait(bytes('e'));
    assert.deepEqual([await ascii.get(), await ascii.get()], [bytes('é'), 'e']);
    const latin1 = new Channel('a', { encoding: 'latin1' });
    latin1.putNowait(Buffer.from([0xe9]));
    assert.equal(await latin1.get(), 'é');
  });

  it('a message whose decoding fails is kept', async () => {
    const channel = new Channel('a', {
      encoding: 'utf-8',
      decoder: (message) => JSON.parse(message as string) as unknown,
    });
    const waiting = channel.get();
    channel.putNowait(bytes('{'));
    channel.putNowait(bytes('null'));
    await assert.rejects(waiting, SyntaxError);
    await assert.rejects(channel.get(), SyntaxError);
    await assert.rejects(channel[Symbol.asyncIterator]().next(), SyntaxError);
    assert.deepEqual(await channel.get({ encoding: null, decoder: null }), bytes('{'));
    assert.equal(await channel.get(), null);
  });

  it('option ChannelGetOptions.decoder and option ChannelGetOptions.encoding apply to one call', async () => {
    const channel = new Channel('a');
    fill(channel, 0, 3);
    assert.equal(await channel.get({ encoding: 'utf8' }), '0');
    assert.equal(await channel.get({ decoder: (message) => message.length }), 1);
    assert.deepEqual(await channel.get(), bytes('2'));
    await assert.rejects(channel.get({ encoding: 'x' as 'utf8' }), TypeError);
    await assert.rejects(channel.get({ wait: 1 } as object), TypeError);
    await assert.rejects(channel.get({ wait: undefined, timeout: 1 } as object), TimeoutError);
    await assert.rejects(channel.waitMessage({ wait: undefined, timeout: 1 } as object), TimeoutError);
    assert.equal(new Channel('x', { foo: undefined } as object).paused, false);
  });

  it('a decoder may read on by itself', async () => {
    const channel: Channel<string> = new Channel('a', {
      decoder: (message) => {
        void channel.get({ decoder: null }).catch(() => {});
        return message.toString();
      },
    });
    fill(channel, 0, 3);
    const got = [await channel.get(), await channel.get()];
    assert.deepEqual(got, ['0', '1']);
  });

  it('get() waits with a signal and a time limit', async () => {
    const channel = new Channel<string>('a', { encoding: 'utf8' });
    const controller = new AbortController();
    const reason = { why: 'enough' };
    const aborted = channel.get({ signal: controller.signal });
    const also = channel.waitMessage({ signal: controller.signal });
    const other = channel.get();
    controller.abort(reason);
    await assert.rejects(aborted, (error) => error === reason);
    await assert.rejects(also, (error) => error === reason);
    await assert.rejects(
      channel.get({ timeout: 5 }),
      (error) => error instanceof TimeoutError && error.phase === 'reply',
    );
    await assert.rejects(channel.waitMessage({ timeout: 5 }), TimeoutError);
    fill(channel, 0, 2);
    assert.equal(await other, '0');
    await assert.rejects(channel.get({ signal: controller.signal }), (error) => error === reason);
    assert.equal(await channel.get({ timeout: 5 }), '1');
    await assert.rejects(channel.get({ timeout: 0 }), TypeError);
    await assert.rejects(channel.waitMessage({ decoder: null } as object), TypeError);
  });

  it('ready() resolves when a message is there', async () => {
    const channel = new Channel<string>('a', { encoding: 'utf8' });
    const order: string[] = [];
    const first = channel.waitMessage().then((ready) => order.push(`wait ${ready}`));
    const second = channel.get().then((message) => order.push(`get ${message.toString()}`));
    channel.putNowait(bytes('m'));
    await Promise.all([first, second]);
    assert.deepEqual(order.sort(), ['get m', 'wait true']);
    fill(channel, 0, 1);
    assert.equal(await channel.waitMessage(), true);
    channel.close();
    assert.equal(await channel.waitMessage(), true);
    await channel.get();
    assert.equal(await channel.waitMessage(), false);
    const open = new Channel('b');
    const none = open.waitMessage();
    open.close();
    assert.equal(await none, false);
  });
});

describe('Channel: close', () => {
  it('a channel is active until it is closed and drained', async () => {
    const channel = new Channel<string>('a', { encoding: 'utf8' });
    assert.equal(channel.isActive, true);
    fill(channel, 0, 2);
    channel.close();
    channel.close(new Error('second'));
    channel.putNowait(bytes('late'));
    assert.equal(channel.isActive, true);
    assert.deepEqual([await channel.get(), await channel.get()], ['0', '1']);
    assert.equal(channel.isActive, false);
    await assert.rejects(
      channel.get(),
      (error) => error instanceof ChannelClosedError && error.cause === undefined,
    );
  });

  it('close() rejects waiting and later readers with the error as cause', async () => {
    const channel = new Channel('a');
    const cause = new Error('lost');
    const waiting = channel.get();
    channel.close(cause);
    for (const read of [waiting, channel.get()]) {
      await assert.rejects(read, (error) => error instanceof ChannelClosedError && error.cause === cause);
    }
  });
});

describe('Channel: iteration', () => {
  it('iteration ends normally when closed and drained, also with an error, and passes null messages', async () => {
    const channel = new Channel('a', { decoder: (message) => JSON.parse(message.toString()) as unknown });
    for (const text of ['1', 'null', '0']) channel.putNowait(bytes(text));
    const got: unknown[] = [];
    const reader = (async () => {
      for await (const message of channel) got.push(message);
    })();
    await turn();
    channel.putNowait(bytes('2'));
    channel.close(new Error('lost'));
    await reader;
    assert.deepEqual(got, [1, null, 0, 2]);
  });

  it('iteration ends at once on break and leaves unread messages', async () => {
    const channel = new Channel<string>('a', { encoding: 'utf8' });
    fill(channel, 0, 3);
    for await (const message of channel) if (message === '0') break;
    assert.deepEqual(await drain(channel), ['1', '2']);
  });

  it('iteration ends at once while a next() is pending', async () => {
    const channel = new Channel<string>('a', { encoding: 'utf8' });
    const iterator = channel[Symbol.asyncIterator]();
    const pending = [iterator.next(), iterator.next()];
    assert.deepEqual(await iterator.return?.(), { value: undefined, done: true });
    for (const next of pending) assert.equal((await next).done, true);
    assert.equal((await iterator.next()).done, true);
    fill(channel, 0, 1);
    assert.equal(await channel.get(), '0');
  });

  it('readers share the messages, and each message goes to one of them', async () => {
    const channel = new Channel<string>('a', { encoding: 'utf8' });
    const got: string[] = [];
    const reader = async (): Promise<void> => {
      for await (const message of channel) got.push(message as unknown as string);
    };
    const readers = [reader(), reader(), reader()];
    for (let i = 0; i < 30; i += 3) {
      fill(channel, i, i + 3);
      await turn();
    }
    channel.close();
    await Promise.all(readers);
    assert.deepEqual(
      got.map(Number).sort((a, b) => a - b),
      Array.from({ length: 30 }, (_, i) => i),
    );
  });
});

describe('Channel: overflow', () => {
  const make = (overflow: OverflowPolicy, maxMessages: number): Channel<string> =>
    new Channel<string>('a', { encoding: 'utf8', overflow, maxMessages });

  it('option ChannelOptions.maxMessages: a full channel pauses, takes messages under way, and resumes when half is read', async () => {
    const channel = make('pause', 4);
    const states: FlowState[] = [];
    flowOf(channel)?.listeners.add((state) => states.push(state));
    assert.equal(flowOf(channel)?.pauses, true);
    fill(channel, 0, 3);
    assert.equal(channel.paused, false);
    fill(channel, 3, 6);
    assert.equal(channel.paused, true);
    assert.deepEqual(states, ['paused']);
    for (let i = 0; i < 3; i++) assert.equal(await channel.get(), String(i));
    assert.equal(channel.paused, true);
    await channel.get();
    assert.equal(channel.paused, false);
    assert.deepEqual(states, ['paused', 'flowing']);
    assert.equal(channel.dropped, 0);
    assert.deepEqual(await drain(channel), ['4', '5']);
    assert.deepEqual(states, ['paused', 'flowing', 'closed']);
  });

  it('a message for a waiting reader causes no pause', async () => {
    const channel = make('pause', 1);
    const states: FlowState[] = [];
    flowOf(channel)?.listeners.add((state) => states.push(state));
    const waiting = channel.get();
    fill(channel, 0, 1);
    await waiting;
    assert.deepEqual(states, []);
    fill(channel, 1, 2);
    assert.deepEqual(states, ['paused']);
    channel.close();
    assert.equal(channel.paused, false);
  });

  it('option ChannelOptions.overflow drops the oldest or the newest message, and counts', async () => {
    const oldest = make('drop-oldest', 3);
    const newest = make('drop-newest', 3);
    for (const channel of [oldest, newest]) {
      fill(channel, 0, 10);
      assert.equal(channel.dropped, 7);
      assert.equal(channel.paused, false);
      assert.equal(flowOf(channel)?.pauses, false);
    }
    assert.deepEqual(await drain(oldest), ['7', '8', '9']);
    assert.deepEqual(await drain(newest), ['0', '1', '2']);
  });

  it('a full channel closes with OverloadedError when its overflow policy is to close', async () => {
    const channel = make('close', 2);
    fill(channel, 0, 5);
    assert.equal(channel.dropped, 1);
    assert.deepEqual([await channel.get(), await channel.get()], ['0', '1']);
    await assert.rejects(channel.get(), (error) => (error as Error).cause instanceof OverloadedError);
  });
});

/** The long form has a million. */
const MESSAGES = process.env['RESPOOL_FULL'] === '1' ? 1_000_000 : 250_000;

describe(`Channel: ${MESSAGES} messages`, () => {
  it('they arrive in order, without loss, within the bound', async () => {
    const total = MESSAGES;
    const channel = new Channel('a', {
      maxMessages: 1000,
      decoder: (message) => (message as Buffer).readUInt32LE(0),
    });
    let expected = 0;
    const reader = (async () => {
      for await (const number of channel) {
        if (number !== expected) throw new Error(`expected ${expected}, got ${String(number)}`);
        expected++;
      }
    })();
    for (let sent = 0; sent < total; ) {
      while (sent < total && !channel.paused) {
        const message = Buffer.allocUnsafe(4);
        message.writeUInt32LE(sent++);
        channel.putNowait(message);
      }
      await turn();
    }
    channel.close();
    await reader;
    assert.equal(expected, total);
    assert.equal(channel.dropped, 0);
  });
});

describe('Channel: callbacks', () => {
  it('option ChannelOptions.onMessage gets every message in order, with gaps in their places', async () => {
    const log: unknown[] = [];
    const channel = new Channel('a', {
      encoding: 'utf8',
      onMessage: (message, name) => void log.push(`${message} of ${name}`),
      onGap: () => log.push('gap'),
    });
    fill(channel, 0, 2);
    channel.gap(gapOf(1));
    fill(channel, 2, 3);
    channel.close();
    await turn();
    await turn();
    assert.deepEqual(log, ['0 of a', '1 of a', 'gap', '2 of a']);
    assert.equal(channel.isActive, false);
  });

  it('the callback of a pattern also gets the channel', () => {
    const log: unknown[] = [];
    const channel = new PatternChannel('a*', {
      onMessage: (message, name) => void log.push(`${message} of ${name}`),
    });
    channel.putNowait([bytes('ab'), bytes('7')]);
    assert.deepEqual(log, ['7 of ab']);
    assert.ok(channel instanceof Channel && channel instanceof PatternChannel && channel.isPattern);
    assert.ok(new Channel('a*', { isPattern: true }) instanceof PatternChannel);
    assert.ok(!((new Channel('a') as unknown) instanceof PatternChannel));
    class Mine extends PatternChannel {}
    assert.ok(new Mine('a*') instanceof Mine && !((channel as unknown) instanceof Mine));
    assert.equal(PatternChannel.name, 'PatternChannel');
  });

  it('the channel awaits a promise of the callback, and the policy bounds the waiting messages', async () => {
    const log: string[] = [];
    const channel = new Channel('a', {
      encoding: 'utf8',
      maxMessages: 2,
      overflow: 'drop-oldest',
      onMessage: async (message) => {
        await turn();
        log.push(message as string);
      },
    });
    fill(channel, 0, 5);
    assert.equal(channel.dropped, 2);
    while (log.length < 3) await turn();
    assert.deepEqual(log, ['0', '3', '4']);
  });

  it('a callback that fails loses its message only, and causes one warning', async () => {
    const warnings: string[] = [];
    const listener = (warning: Error & { code?: string }): void => void warnings.push(warning.code ?? '');
    process.on('warning', listener);
    const log: unknown[] = [];
    const channel = new Channel('a', {
      decoder: (message) => JSON.parse(message.toString()) as number,
      onMessage: (message) => {
        log.push(message);
        if (message === 2) throw new Error('no');
        return message === 3 ? Promise.reject(new Error('nor this')) : undefined;
      },
    });
    for (const text of ['1', 'no JSON', '2', '3', '4']) channel.putNowait(bytes(text));
    await turn();
    await turn();
    process.off('warning', listener);
    assert.deepEqual(log, [1, 2, 3, 4]);
    assert.deepEqual(warnings, ['RESPOOL_CALLBACK']);
  });

  it('a channel with a callback refuses readers', async () => {
    const channel = new Channel('a', { onMessage: () => {} });
    await assert.rejects(channel.get(), TypeError);
    await assert.rejects(channel.waitMessage(), TypeError);
    assert.throws(() => channel[Symbol.asyncIterator](), TypeError);
    assert.throws(() => new Channel('a', { onMessage: 1 as never }), TypeError);
  });
});
