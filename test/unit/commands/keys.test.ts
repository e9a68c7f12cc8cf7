import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { allEntries } from '../../../src/commands/catalogue.ts';
import { resolveCommand } from '../../../src/commands/command-info.ts';
import { keyPositions, keysOf } from '../../../src/commands/keys.ts';
import type { RedisValue } from '../../../src/resp/types.ts';

function keys(command: string | Uint8Array, ...args: RedisValue[]): (string | Uint8Array)[] {
  return keysOf(resolveCommand(command, args), args);
}

describe('keysOf', () => {
  it('keys of plain commands are found', () => {
    assert.deepEqual(keys('GET', 'k'), ['k']);
    assert.deepEqual(keys('get', Buffer.from('k')), [Buffer.from('k')]);
    assert.deepEqual(keys('SET', 7, 'v'), ['7']);
    assert.deepEqual(keys('GET', -Infinity), ['-inf']);
    assert.deepEqual(keys('MSET', 'a', 1, 'b', 2), ['a', 'b']);
    assert.deepEqual(keys('BLPOP', 'a', 'b', 0), ['a', 'b']);
    assert.deepEqual(keys('BITOP', 'AND', 'd', 'a', 'b'), ['d', 'a', 'b']);
    assert.deepEqual(keys('LMOVE', 'a', 'b', 'LEFT', 'RIGHT'), ['a', 'b']);
    assert.deepEqual(keys('PING'), []);
  });

  it('a count of keys in the command is followed', () => {
    assert.deepEqual(keys('EVAL', 'return 1', 2, 'a', 'b', 'c'), ['a', 'b']);
    assert.deepEqual(keys('EVALSHA_RO', 'sha', '0', 'x'), []);
    assert.deepEqual(keys('FCALL', 'f', Buffer.from('1'), 'a'), ['a']);
    assert.deepEqual(keys('ZUNIONSTORE', 'd', 2, 'a', 'b', 'WEIGHTS', 1, 2), ['d', 'a', 'b']);
    assert.deepEqual(keys('LMPOP', 2, 'a', 'b', 'LEFT'), ['a', 'b']);
    assert.deepEqual(keys('BZMPOP', 0, 1, 'a', 'MIN'), ['a']);
    assert.deepEqual(keys('MSETEX', 2, 'a', 1, 'b', 2, 'EX', 5), ['a', 'b']);
  });

  it('the words of a call may show that it has one key', () => {
    const sole = (command: string): number => resolveCommand(command, []).soleKey;
    assert.deepEqual(['EVALSHA abc 1', 'FCALL_RO f 1', 'LMPOP 1', 'BZMPOP 0 1'].map(sole), [0, 0, 0, 0]);
    assert.deepEqual(
      ['EVALSHA abc 0', 'EVALSHA abc 2', 'EVALSHA abc', 'EVAL', 'LMPOP 1 k'].map(sole),
      [-1, -1, -1, -1, -1],
    );
    assert.deepEqual(keys('EVALSHA abc 1', 'k', 'argument'), ['k']);
  });

  it('keys behind keywords are found', () => {
    assert.deepEqual(keys('XREAD', 'COUNT', 2, 'STREAMS', 'a', 'b', '0', '0'), ['a', 'b']);
    assert.deepEqual(keys('xreadgroup', 'GROUP', 'streams', 'c', 'streams', 'a', '>'), ['a']);
    assert.deepEqual(keys('GEORADIUS', 'k', 1, 2, 3, 'km', 'STORE', 'd'), ['k', 'd']);
    assert.deepEqual(keys('GEORADIUSBYMEMBER', 'k', 'STORE', 2, 'km', 'storedist', 'd'), ['k', 'd']);
    assert.deepEqual(keys('SORT', 'k', 'BY', 'STORE', 'GET', 'x', 'STORE', 'd'), ['k', 'd']);
    assert.deepEqual(keys('SORT', 'k', 'LIMIT', 0, 5, 'store', 'd', 'STORE', 'e'), ['k', 'e']);
    assert.deepEqual(keys('SORT_RO', 'k', 'BY', 'w*'), ['k']);
  });

  it('keys of MIGRATE are found', () => {
    assert.deepEqual(keys('MIGRATE', 'h', 1, 'k', 0, 100), ['k']);
    assert.deepEqual(keys('MIGRATE', 'h', 1, 'k', 0, 100, 'KEYS', 'a'), ['k']);
    assert.deepEqual(keys('MIGRATE', 'h', 1, '', 0, 100, 'COPY', 'KEYS', 'a', 'b'), ['a', 'b']);
    assert.deepEqual(keys('MIGRATE', 'h', 1, '', 0, 100, 'AUTH', 'KEYS', 'keys', 'a'), ['a']);
    assert.deepEqual(keys('MIGRATE', 'h', 1, Buffer.alloc(0), 0, 100, 'AUTH2', 'u', 'KEYS', 'KEYS', 'a'), [
      'a',
    ]);
  });

  it('subcommands are found wherever they are', () => {
    assert.deepEqual(keys('OBJECT', 'ENCODING', 'k'), ['k']);
    assert.deepEqual(keys('object encoding', 'k'), ['k']);
    assert.deepEqual(keys('MEMORY', Buffer.from('usage'), 'k', 'SAMPLES', 1), ['k']);
    assert.deepEqual(keys('XGROUP CREATE', 'k', 'g', '$'), ['k']);
    assert.deepEqual(keys('XINFO', 'STREAM', 'k', 'FULL'), ['k']);
    assert.deepEqual(keys('CLIENT', 'KILL', 'k'), []);
  });

  it('keys written into the command are found', () => {
    assert.deepEqual(keys('MGET a', 'b'), ['a', 'b']);
    assert.deepEqual(keys('EVAL return 2 a', 'b'), ['a', 'b']);
    assert.deepEqual(keys(Buffer.from([...Buffer.from('GET '), 0xff])), [Buffer.from([0xff])]);
    assert.deepEqual(keyPositions(resolveCommand('MGET a', ['b']), ['b']), [1, 2]);
  });

  it('sharded messages are routed by their channel', () => {
    assert.deepEqual(keys('SPUBLISH', 'c', 'm'), ['c']);
    assert.deepEqual(keys('PUBLISH', 'c', 'm'), []);
  });

  it('keys of module commands are found', () => {
    assert.deepEqual(keys('JSON.GET', 'k', '$'), ['k']);
    assert.deepEqual(keys('JSON.MGET', 'a', 'b', '$'), ['a', 'b']);
    assert.deepEqual(keys('JSON.MSET', 'a', '$', '1', 'b', '$', '2'), ['a', 'b']);
    assert.deepEqual(keys('JSON.DEBUG', 'MEMORY', 'k'), ['k']);
    assert.deepEqual(keys('TS.MADD', 'a', 1, 2, 'b', 1, 2), ['a', 'b']);
    assert.deepEqual(keys('TDIGEST.MERGE', 'd', 2, 'a', 'b', 'COMPRESSION', 9), ['d', 'a', 'b']);
    assert.deepEqual(keys('BF.ADD', 'k', 'x'), ['k']);
    assert.deepEqual(keys('FT.SEARCH', 'index', '*'), []);
    assert.notEqual(resolveCommand('FT.SEARCH', []).keySpecs, null);
  });

  it('no key is found where it would be a guess', () => {
    const info = resolveCommand('NO.SUCH', ['k']);
    assert.equal(info.keySpecs, null);
    assert.deepEqual(keysOf(info, ['k']), []);
  });

  it('keys among malformed arguments are found', () => {
    assert.deepEqual(keys('GET'), []);
    assert.deepEqual(keys('EVAL', 's'), []);
    assert.deepEqual(keys('EVAL', 's', 5, 'a'), ['a']);
    for (const count of ['x', '', -1, 1.5, NaN, 1e300, '99999999999999999999', Buffer.alloc(5000, '9')]) {
      assert.deepEqual(keys('EVAL', 's', count, 'a'), []);
    }
    assert.deepEqual(keys('EVAL', 's', 999_999_999, 'a'), ['a']);
    assert.deepEqual(keys('MSET', 'a', 1, 'b'), ['a', 'b']);
    assert.deepEqual(keys('XREAD', 'STREAMS'), []);
    assert.deepEqual(keys('XREAD', 'COUNT', 1), []);
    assert.deepEqual(keys('SORT', 'k', 'STORE'), ['k']);
    assert.deepEqual(keys('MIGRATE', 'h', 1), []);
  });

  it('keysOf never throws, whatever the arguments', () => {
    const values: RedisValue[] = [
      'STREAMS',
      'KEYS',
      'STORE',
      '',
      3,
      -2,
      Buffer.alloc(0),
      Buffer.from('GROUP'),
      2n,
      '1',
    ];
    for (const entry of allEntries()) {
      for (let count = 0; count < 8; count++) {
        const args = Array.from({ length: count }, (_, i) => values[(i * 7 + count * 3) % values.length]!);
        const info = resolveCommand(entry.name, args);
        assert.equal(info.name, entry.name);
        for (const position of keyPositions(info, args)) {
          assert.ok(position > 0 && position < info.count + count, entry.name);
        }
        assert.equal(keysOf(info, args).length, keyPositions(info, args).length, entry.name);
      }
    }
  });
});
