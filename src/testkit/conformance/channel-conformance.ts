import { nameClass } from '../../base/classes.ts';
import assert from 'node:assert/strict';
import type { AbstractChannel } from '../../interfaces/abstract-channel.ts';
import { type ConformanceCase, rejection, rejectsWithName, sleep, soon } from './suite.ts';

/** Makes a new, open channel of that name. One that cannot be a pattern may answer null when it is asked for one. */
export type MakeChannel = (
  name: string,
  isPattern: boolean,
) => AbstractChannel | null | Promise<AbstractChannel | null>;

const MESSAGE = Buffer.from('a message');

/** Makes the channels of one case. */
interface Source {
  channel(): Promise<AbstractChannel>;
  pattern(): Promise<AbstractChannel | null>;
}

const CASES: Record<string, (open: Source) => Promise<void>> = {
  'its name is bytes, and it says whether it is a pattern': async (open) => {
    const channel = await open.channel();
    assert.ok(Buffer.isBuffer(channel.name));
    assert.equal(String(channel.name), 'news');
    assert.equal(channel.isPattern, false);
  },
  'open and empty it is active, and get() waits for the next message': async (open) => {
    const channel = await open.channel();
    assert.equal(channel.isActive, true);
    const waiting = channel.get();
    await sleep(5);
    channel.putNowait(MESSAGE);
    checkMessage(await soon('get()', waiting));
    assert.equal(channel.isActive, true);
  },
  'what was put is there to be read': async (open) => {
    const channel = await open.channel();
    for (let round = 0; round < 3; round++) {
      channel.putNowait(MESSAGE);
      checkMessage(await soon('get()', channel.get()));
    }
  },
  'of several unread messages it may drop some, but the last one comes, and they come in order': async (
    open,
  ) => {
    const channel = await open.channel();
    const put = ['0', '1', '2'];
    for (const message of put) channel.putNowait(Buffer.from(message));
    channel.close();
    const read: unknown[] = [];
    while (channel.isActive && read.length <= put.length) read.push(await soon('get()', channel.get()));
    assert.ok(read.length > 0 && read.length <= put.length, `${read.length} of ${put.length} messages`);
    if (!read.every(isPlain)) return;
    const texts = read.map(String);
    assert.deepEqual(texts, texts.toSorted(), 'in order');
    assert.equal(new Set(texts).size, texts.length, 'each once');
    assert.equal(texts.at(-1), '2', 'the last one');
  },
  'bytes stay what they are; where they are no text they are not made into some': async (open) => {
    const channel = await open.channel();
    const bytes = Buffer.from([0xff, 0, 13, 10, 0xc3]);
    channel.putNowait(bytes);
    const message = await soon('get()', channel.get());
    if (Buffer.isBuffer(message)) assert.deepEqual(message, bytes);
    if (typeof message === 'string') assert.ok(!message.includes('\uFFFD'), 'replacement characters');
  },
  'two readers: each message is for one of them, first come, first served': async (open) => {
    const channel = await open.channel();
    const served: number[] = [];
    const both = [0, 1].map(async (reader) => {
      const message = await channel.get();
      served.push(reader);
      return message;
    });
    for (const at of both.keys()) {
      channel.putNowait(Buffer.from(String(at)));
      await soon('one reader', Promise.race(both.slice(at)));
      await sleep(5);
      assert.equal(served.length, at + 1, 'readers that were served');
    }
    assert.deepEqual(served, [0, 1]);
    const messages = await Promise.all(both);
    if (messages.every(isPlain)) assert.deepEqual(messages.map(String), ['0', '1']);
  },
  'a pattern takes pairs, and hands on the name of the channel with the message': async (open) => {
    const channel = await open.pattern();
    if (channel === null) return;
    assert.equal(channel.isPattern, true);
    channel.putNowait([Buffer.from('news'), MESSAGE]);
    const message = await soon('get()', channel.get());
    assert.ok(Array.isArray(message) && message.length === 2, 'a pair');
    assert.equal(String(message[0]), 'news');
    checkMessage(message[1]);
  },
  'closed, what is unread stays readable; then it is no longer active': async (open) => {
    const channel = await open.channel();
    channel.putNowait(MESSAGE);
    channel.close();
    assert.equal(channel.isActive, true);
    checkMessage(await soon('get()', channel.get()));
    assert.equal(channel.isActive, false);
    await rejectsWithName('get() of a closed channel', 'ChannelClosedError', () => channel.get());
  },
  'closed and empty it is not active, and readers that wait are told': async (open) => {
    const channel = await open.channel();
    const waiting = channel.get();
    waiting.catch(() => {});
    channel.close(new Error('why'));
    await rejectsWithName('get() that waited', 'ChannelClosedError', () => waiting);
    assert.equal(channel.isActive, false);
  },
  'close() is idempotent, and what is put afterwards is ignored': async (open) => {
    const channel = await open.channel();
    channel.close();
    channel.close(new Error('again'));
    channel.putNowait(MESSAGE);
    assert.equal(channel.isActive, false);
    await rejectsWithName('get()', 'ChannelClosedError', () => channel.get());
  },
  'get() rejects with the reason of its signal, and loses no message by it': async (open) => {
    const channel = await open.channel();
    const reason = new Error('enough');
    assert.equal(await rejection('get()', () => channel.get({ signal: AbortSignal.abort(reason) })), reason);
    const controller = new AbortController();
    const waiting = channel.get({ signal: controller.signal });
    waiting.catch(() => {});
    controller.abort(reason);
    assert.equal(await rejection('get()', () => waiting), reason);
    channel.putNowait(MESSAGE);
    checkMessage(await soon('get()', channel.get()));
  },
  'get() rejects with a TimeoutError when its time is up': async (open) => {
    const channel = await open.channel();
    await rejectsWithName('get()', 'TimeoutError', () => channel.get({ timeout: 10 }));
    channel.putNowait(MESSAGE);
    checkMessage(await soon('get()', channel.get({ timeout: 1_000 })));
  },
  'gap(), where there is one, may be called at any time': async (open) => {
    const channel = await open.channel();
    const gap = { reason: new Error('lost'), from: Date.now() - 1, to: Date.now() };
    channel.gap?.(gap);
    channel.putNowait(MESSAGE);
    channel.gap?.(gap);
    checkMessage(await soon('get()', channel.get()));
    channel.close();
    channel.gap?.(gap);
  },
};

/**
 * Cases that every channel must pass, no matter which messages it keeps and how it decodes them.
 *
 * @example for (const { name, run } of channelConformance((name) => new MyChannel(name))) test(name, run);
 */
export function channelConformance(make: MakeChannel): ConformanceCase[] {
  const source: Source = {
    async channel() {
      const channel = await make('news', false);
      assert.ok(channel !== null, 'make() gave no channel');
      return channel;
    },
    pattern: async () => make('n*', true),
  };
  return Object.entries(CASES).map(([name, check]) => ({
    name: `channel: ${name}`,
    run: () => check(source),
  }));
}
nameClass(channelConformance, 'channelConformance');

/** Checks text and bytes only, because a decoder may turn a message into anything. */
function checkMessage(value: unknown): void {
  if (isPlain(value)) assert.equal(String(value), String(MESSAGE));
}

function isPlain(value: unknown): boolean {
  return typeof value === 'string' || Buffer.isBuffer(value);
}
