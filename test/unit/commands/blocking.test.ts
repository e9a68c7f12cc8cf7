import assert from 'node:assert/strict';
import { it } from 'node:test';
import { blockingTime } from '../../../src/commands/blocking.ts';
import { resolveCommand } from '../../../src/commands/command-info.ts';
import type { RedisValue } from '../../../src/resp/types.ts';

function time(command: string | Uint8Array, ...args: RedisValue[]): number | null {
  return blockingTime(resolveCommand(command, args), args);
}

it('the blocking time of list and sorted set commands is read in seconds', () => {
  assert.equal(time('BLPOP', 'a', 'b', 1.5), 1500);
  assert.equal(time('brpop', 'a', '0'), Infinity);
  assert.equal(time('BZPOPMIN', 'a', Buffer.from('0.25')), 250);
  assert.equal(time('BZPOPMAX', 'a', 2n), 2000);
  assert.equal(time('BLMOVE', 'a', 'b', 'LEFT', 'RIGHT', 3), 3000);
  assert.equal(time('BRPOPLPUSH', 'a', 'b', '1e1'), 10_000);
  assert.equal(time('BLMPOP', 4, 1, 'a', 'LEFT'), 4000);
  assert.equal(time('BZMPOP', 0, 1, 'a', 'MIN', 'COUNT', 2), Infinity);
  assert.equal(time('BLPOP a 0', ...[]), Infinity);
  assert.equal(time(Buffer.from(' blpop a'), '7'), 7000);
  assert.equal(time('BLPOP', 'a', 0.0001), 1);
  assert.equal(time('BLPOP', 'a', '0x10'), Infinity);
});

it('the blocking time of WAIT and WAITAOF is read in milliseconds', () => {
  assert.equal(time('WAIT', 1, 500), 500);
  assert.equal(time('WAIT', 1, 0), Infinity);
  assert.equal(time('WAITAOF', 1, 0, 20), 20);
});

it('BLOCK counts only before STREAMS and only as an option', () => {
  assert.equal(time('XREAD', 'BLOCK', 100, 'STREAMS', 's', '$'), 100);
  assert.equal(time('XREAD', 'COUNT', 2, 'block', '0', 'streams', 's', '$'), Infinity);
  assert.equal(time('XREAD', Buffer.from('Block'), Buffer.from('5'), 'STREAMS', 's', '$'), 5);
  assert.equal(time('XREAD', 'STREAMS', 'BLOCK', '100'), null);
  assert.equal(time('XREAD', 'COUNT', 'BLOCK', 'STREAMS', 's', '$'), null);
  assert.equal(time('XREADGROUP', 'GROUP', 'BLOCK', '100', 'STREAMS', 's', '>'), null);
  assert.equal(time('XREADGROUP', 'GROUP', 'STREAMS', 'BLOCK', 'BLOCK', 9, 'NOACK', 'STREAMS', 's', '>'), 9);
  assert.equal(time('XREAD BLOCK', 50, 'STREAMS', 's', '$'), 50);
});

it('calls that the server refuses at once do not count as blocking', () => {
  assert.equal(time('BLPOP', 'a'), null);
  assert.equal(time('BLPOP', 'a', 'soon'), null);
  assert.equal(time('BLPOP', 'a', -1), null);
  assert.equal(time('BLPOP', 'a', Infinity), null);
  assert.equal(time('BLMOVE', 'a', 'b', 'LEFT', 5), null);
  assert.equal(time('BLMPOP', 5), null);
  assert.equal(time('XREAD', 'BLOCK', 100), null);
  assert.equal(time('XREAD', 'BLOCK', 1.5, 'STREAMS', 's', '$'), null);
  assert.equal(time('XREAD', 'BLOCK'), null);
  assert.equal(time('WAIT', 1), null);
});

it('other commands have no blocking time', () => {
  for (const name of ['GET', 'LPOP', 'MONITOR', 'LMPOP', 'NO.SUCH', 'SUBSCRIBE'])
    assert.equal(time(name, 'a', 0), null);
  assert.equal(time('CLIENT', 'PAUSE', 100), null);
});

it('a blocking time is found where it is not the last argument', () => {
  assert.equal(time('BLMOVEM', 'a', 'b', 'LEFT', 'RIGHT', 3, 'COUNT', 2, 'OBO'), 3000);
  assert.equal(time('BLMOVEM', 'a', 'b', 'LEFT', 'RIGHT', 0), Infinity);
  assert.equal(time('BZMOVE', 'a', 'b', 'MIN', 2, 'COUNT', 5), 2000);
  assert.equal(time('BZMOVE', 'a', 'b', 'MAX', 0), Infinity);
  assert.equal(time('TS.READ', 'k', '-', 'BLOCK', 500, 1), 500);
  assert.equal(time('TS.READ', 'k', '-', 'MAX_COUNT', 10, 'block', 0, 1), Infinity);
  assert.equal(time('TS.READ', 'k', '-', 'MAX_COUNT', 10), null);
});
