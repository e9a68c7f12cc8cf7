import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Channel } from '../../../src/pubsub/channels/typed-channel.ts';
import { fill, gapOf } from './support.ts';

describe('Channel: gaps', () => {
  it('option ChannelOptions.onGap is called between the message before the gap and the one after it', async () => {
    const log: string[] = [];
    const channel = new Channel<string>('a', { encoding: 'utf8', onGap: (gap) => log.push(`gap ${gap.to}`) });
    fill(channel, 0, 2);
    channel.gap(gapOf(10));
    channel.gap(gapOf(11));
    fill(channel, 2, 3);
    channel.close();
    channel.gap(gapOf(12));
    assert.equal(channel.gaps, 2);
    assert.equal(log.length, 0);
    for await (const message of channel) log.push(String(message));
    assert.deepEqual(log, ['0', '1', 'gap 10', 'gap 11', '2']);
  });

  it('a waiting reader gets the gap in the same order', async () => {
    const log: string[] = [];
    const channel = new Channel<string>('a', { encoding: 'utf8', onGap: () => log.push('gap') });
    const reader = (async () => {
      for await (const message of channel) log.push(message as string);
    })();
    await turn();
    fill(channel, 0, 1);
    channel.gap(gapOf(1));
    fill(channel, 1, 2);
    await turn();
    channel.gap(gapOf(2));
    channel.close();
    await reader;
    assert.deepEqual(log, ['0', 'gap', '1', 'gap']);
  });

  it('several waiting get() calls get the gap in the same order', async () => {
    const log: string[] = [];
    const channel = new Channel<string>('a', { encoding: 'utf8', onGap: () => log.push('gap') });
    const reads = [0, 1].map(() => channel.get().then((message) => log.push(String(message))));
    fill(channel, 0, 1);
    channel.gap(gapOf(1));
    fill(channel, 1, 2);
    await Promise.all(reads);
    assert.deepEqual(log, ['0', 'gap', '1']);
  });

  it('onGap is called at once when nothing is unread, and soon when the reader stays away', async () => {
    let told = 0;
    const channel = new Channel('a', { onGap: () => told++ });
    channel.gap(gapOf(1));
    assert.equal(told, 1);
    fill(channel, 0, 1);
    channel.gap(gapOf(2));
    await turn();
    assert.equal(told, 1);
    await channel.get();
    await turn();
    assert.equal(told, 2);
  });

  it('a gap whose neighbours were dropped is kept, and too many gaps are joined', async () => {
    let told = 0;
    const channel = new Channel('a', { maxMessages: 1, overflow: 'drop-oldest', onGap: () => told++ });
    fill(channel, 0, 1);
    channel.gap(gapOf(1));
    fill(channel, 1, 3);
    await turn();
    assert.equal(told, 1);
    for (let i = 0; i < 5000; i++) channel.gap(gapOf(i));
    await channel.get();
    await turn();
    assert.equal(channel.gaps, 5001);
    assert.ok(told > 1000 && told <= 1026);
  });

  it('onGap may throw: the channel goes on, with one warning', async () => {
    const warnings: string[] = [];
    const listener = (warning: Error & { code?: string }): void => void warnings.push(warning.code ?? '');
    process.on('warning', listener);
    const channel = new Channel('a', {
      encoding: 'utf8',
      onGap: () => {
        throw new Error('mine');
      },
    });
    channel.gap(gapOf(1));
    channel.gap(gapOf(2));
    fill(channel, 0, 1);
    assert.equal(await channel.get(), '0');
    await turn();
    process.off('warning', listener);
    assert.deepEqual(
      warnings.filter((code) => code === 'RESPOOL_CALLBACK'),
      ['RESPOOL_CALLBACK'],
    );
  });
});
