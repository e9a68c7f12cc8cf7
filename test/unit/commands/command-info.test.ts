import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { resolveCommand } from '../../../src/commands/command-info.ts';
import * as flags from '../../../src/commands/flags.ts';
import { ASCII, LATIN1, UTF8 } from '../../../src/resp/text-modes.ts';
import type { RedisValue } from '../../../src/resp/types.ts';

function has(command: string | Uint8Array, args: readonly RedisValue[], flag: number): boolean {
  return (resolveCommand(command, args).flags & flag) !== 0;
}

const STATEFUL_COMMANDS = (
  'MULTI EXEC DISCARD WATCH UNWATCH SELECT AUTH HELLO RESET QUIT MONITOR ASKING READONLY READWRITE SYNC PSYNC ' +
  'REPLCONF WAIT WAITAOF SUBSCRIBE UNSUBSCRIBE PSUBSCRIBE PUNSUBSCRIBE SSUBSCRIBE SUNSUBSCRIBE ' +
  'CLIENT|REPLY CLIENT|TRACKING CLIENT|CACHING CLIENT|SETNAME CLIENT|SETINFO CLIENT|NO-EVICT CLIENT|NO-TOUCH ' +
  'CLIENT|CAPA SCRIPT|DEBUG'
)
  .split(' ')
  .map((name) => name.split('|'));

function randomCase(text: string): string {
  return [...text].map((c, i) => (i % 2 === 0 ? c.toLowerCase() : c.toUpperCase())).join('');
}

describe('resolveCommand', () => {
  it('one spelling always gives one object', () => {
    const info = resolveCommand('GET', ['k']);
    assert.equal(resolveCommand('GET', ['other']), info);
    assert.equal(info.name, 'GET');
    assert.deepEqual(info.words, ['GET']);
    assert.equal(info.count, 1);
    assert.equal(info.encoded, '$3\r\nGET\r\n');
  });

  it('the words are sent as they were spelled', () => {
    const info = resolveCommand('  client \t SetName\r\n', ['x']);
    assert.equal(info.name, 'CLIENT SETNAME');
    assert.deepEqual(info.words, ['client', 'SetName']);
    assert.equal(info.encoded, '$6\r\nclient\r\n$7\r\nSetName\r\n');
    assert.equal(info.nameLength, 2);
  });

  it('a subcommand in the first argument is found and stays there', () => {
    for (const argument of [
      'SETNAME',
      'setname',
      'SetName',
      Buffer.from('setNAME'),
      new Uint8Array(Buffer.from('SETNAME')),
    ]) {
      const info = resolveCommand('Client', [argument, 'x']);
      assert.equal(info.name, 'CLIENT SETNAME');
      assert.deepEqual(info.words, ['Client']);
      assert.equal(info.count, 1);
      assert.equal(info.encoded, '$6\r\nClient\r\n');
      assert.equal(resolveCommand('Client', [argument]), info);
    }
  });

  it('a missing or unknown subcommand gives the container command', () => {
    const bare = resolveCommand('CLIENT', []);
    assert.equal(bare.name, 'CLIENT');
    assert.ok(bare.flags & flags.CONTAINER);
    for (const args of [
      ['NOSUCH'],
      [7],
      [12n],
      ['SETNAME '],
      [Buffer.alloc(100_000, 'S')],
      ['S'.repeat(100_000)],
    ]) {
      assert.equal(resolveCommand('CLIENT', args), bare);
    }
    assert.equal(resolveCommand('CLIENT NOSUCH', []).name, 'CLIENT');
  });

  it('stateful commands are recognised in every spelling', () => {
    for (const [first = '', second] of STATEFUL_COMMANDS) {
      const whole = second === undefined ? first : `${first} ${second}`;
      for (const text of [
        whole,
        whole.toLowerCase(),
        randomCase(whole),
        ` ${whole} `,
        whole.replace(' ', ' \t\n '),
      ]) {
        assert.ok(has(text, [], flags.STATEFUL), text);
        assert.ok(has(Buffer.from(text), [], flags.STATEFUL), text);
        assert.ok(has(new Uint8Array(Buffer.from(text)), ['more'], flags.STATEFUL), text);
        assert.ok(has(`${text} argument`, [], flags.STATEFUL), text);
        assert.ok(has(`${text}\0x`, [], flags.STATEFUL), text);
      }
      if (second === undefined) continue;
      for (const sub of [second, second.toLowerCase(), randomCase(second)]) {
        for (const command of [first, first.toLowerCase(), Buffer.from(` ${randomCase(first)}`)]) {
          assert.ok(has(command, [sub], flags.STATEFUL), whole);
          assert.ok(has(command, [Buffer.from(sub), 'x'], flags.STATEFUL), whole);
        }
      }
    }
  });

  it('other commands do not count as stateful', () => {
    for (const [command, ...args] of [
      ['GET', 'SELECT'],
      ['CLIENT', 'ID'],
      ['CLIENT', 'KILL', 'SETNAME'],
      ['CLIENT UNBLOCK', '7'],
      ['CLIENT', 'PAUSE', '5'],
      ['CLIENT|SETNAME', 'x'],
      ['SCRIPT', 'LOAD', 'DEBUG'],
      ['PING'],
      ['PUBLISH', 'a', 'b'],
      ['SELECTED'],
      ['ECHO', 'MULTI'],
    ]) {
      assert.ok(!has(command!, args, flags.STATEFUL), command);
    }
  });

  it('each command belongs to its group', () => {
    assert.ok(has('SSUBSCRIBE', [], flags.SUBSCRIBE_FAMILY));
    assert.ok(!has('SPUBLISH', ['c', 'm'], flags.SUBSCRIBE_FAMILY));
    assert.ok(has('client', ['reply', 'off'], flags.CLIENT_REPLY));
    assert.ok(has('monitor', [], flags.MONITOR));
    assert.ok(has('get', ['k'], flags.READONLY) && !has('get', ['k'], flags.WRITE));
    assert.ok(has('set', ['k', 'v'], flags.WRITE) && !has('set', ['k', 'v'], flags.READONLY));
    assert.ok(has('EVALSHA', [], flags.SCRIPT_LIKE) && has('EXEC', [], flags.SCRIPT_LIKE));
    for (const name of ['MGET', 'MSET', 'DEL', 'UNLINK', 'EXISTS', 'TOUCH']) {
      assert.ok(has(name, ['k'], flags.MULTI_KEY_SPLITTABLE), name);
    }
    assert.ok(!has('MSETNX', ['k', 'v'], flags.MULTI_KEY_SPLITTABLE));
    assert.ok(has('NO.SUCH', [], 0) === false && resolveCommand('NO.SUCH', []).flags === flags.UNKNOWN);
  });

  it('commands that a cluster must ask node by node are known', () => {
    const named =
      'SCAN KEYS RANDOMKEY DBSIZE FLUSHALL FLUSHDB SWAPDB SCRIPT|LOAD SCRIPT|EXISTS SCRIPT|FLUSH FUNCTION|LOAD ' +
      'FUNCTION|DELETE FUNCTION|FLUSH FUNCTION|RESTORE CONFIG|SET ACL|SETUSER ACL|DELUSER';
    for (const name of named.split(' ')) {
      const [first = '', ...rest] = name.split('|');
      assert.ok(has(first, rest, flags.NEEDS_EXECUTE_ON), name);
      assert.ok(has(name.replace('|', ' ').toLowerCase(), [], flags.NEEDS_EXECUTE_ON), name);
    }
    for (const name of ['CONFIG GET', 'SCRIPT KILL', 'FUNCTION LIST', 'ACL WHOAMI', 'SSCAN', 'INFO']) {
      assert.ok(!has(name, [], flags.NEEDS_EXECUTE_ON), name);
    }
  });

  it('bytes that are not text are kept', () => {
    const bytes = Buffer.from([0x67, 0x65, 0x74, 0x20, 0xff, 0xa0, 0x01]);
    const info = resolveCommand(bytes, []);
    assert.equal(info.name, 'GET');
    assert.deepEqual(info.words, ['get', Buffer.from([0xff, 0xa0, 0x01])]);
    assert.equal(info.encoded, '$3\r\nget\r\n$3\r\n\xff\xa0\x01\r\n');
    bytes.fill(0);
    assert.deepEqual(info.words[1], Buffer.from([0xff, 0xa0, 0x01]));
    const text = resolveCommand('get ключ', []);
    assert.deepEqual(text.words, ['get', Buffer.from('ключ')]);
    assert.equal(text.count, 2);
    assert.equal(text.encoded, `$3\r\nget\r\n$8\r\n${Buffer.from('ключ').toString('latin1')}\r\n`);
  });

  it('words are encoded as the caller encodes, whoever asked before', () => {
    for (let round = 0; round < 2; round++) {
      assert.deepEqual(resolveCommand('get é', [], LATIN1).words, ['get', Buffer.from([0xe9])]);
      assert.equal(resolveCommand('get é', [], LATIN1).encoded, '$3\r\nget\r\n$1\r\n\xe9\r\n');
      assert.equal(resolveCommand('get é', [], UTF8).encoded, '$3\r\nget\r\n$2\r\n\xc3\xa9\r\n');
      assert.throws(() => resolveCommand('get é', [], ASCII), TypeError);
      assert.throws(() => resolveCommand('get €', [], LATIN1), TypeError);
    }
    assert.equal(resolveCommand('hset', [], LATIN1), resolveCommand('hset', [], UTF8));
    const bytes = Buffer.from([0x67, 0x20, 0xe9]);
    assert.equal(resolveCommand(bytes, [], ASCII).encoded, '$1\r\ng\r\n$1\r\n\xe9\r\n');
  });

  it('letters that only look alike in upper case stay different', () => {
    assert.equal(resolveCommand('ſelect', ['1']).flags, flags.UNKNOWN);
  });

  it('invalid commands are refused', () => {
    for (const command of [
      '',
      ' \t ',
      Buffer.alloc(0),
      Buffer.from('  '),
      null,
      undefined,
      7,
      {},
      ['GET'],
      new String('GET'),
    ]) {
      assert.throws(() => resolveCommand(command as string, []), TypeError);
    }
  });

  it('made-up spellings are forgotten, known commands never', () => {
    const known = resolveCommand('hset', []);
    const early = resolveCommand('MADE.UP 0', []);
    assert.equal(resolveCommand('MADE.UP 0', []), early);
    for (let i = 1; i <= 2000; i++) resolveCommand(`MADE.UP ${i}`, []);
    assert.notEqual(resolveCommand('MADE.UP 0', []), early);
    assert.equal(resolveCommand('hset', []), known);
    const last = resolveCommand('MADE.UP 2000', []);
    assert.equal(resolveCommand('MADE.UP 2000', []), last);
  });

  it('long spellings are not remembered', () => {
    const long = `SET key ${'v'.repeat(100)}`;
    assert.notEqual(resolveCommand(long, []), resolveCommand(long, []));
    assert.equal(resolveCommand(long, []).name, 'SET');
    assert.equal(resolveCommand('X'.repeat(100_000), []).name.length, 64);
  });
});
