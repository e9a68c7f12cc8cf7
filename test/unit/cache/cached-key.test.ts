import assert from 'node:assert/strict';
import { it } from 'node:test';
import { cachedKeyOf } from '../../../src/cache/cache-key.ts';
import { allEntries } from '../../../src/commands/catalogue.ts';
import { resolveCommand } from '../../../src/commands/command-info.ts';
import { CACHEABLE, READONLY } from '../../../src/commands/flags.ts';
import { keysOf } from '../../../src/commands/keys.ts';
import type { RedisValue } from '../../../src/resp/types.ts';

function cacheKey(command: string | Uint8Array, ...args: RedisValue[]): string | Uint8Array | null {
  return cachedKeyOf(resolveCommand(command, args), args);
}

it('cacheable reads name their one key', () => {
  assert.equal(cacheKey('get', 'k'), 'k');
  assert.equal(cacheKey('HGET', 'k', 'f'), 'k');
  assert.equal(cacheKey('LRANGE', 7, 0, -1), '7');
  assert.deepEqual(cacheKey(Buffer.from('zrange'), Buffer.from('k'), 0, -1), Buffer.from('k'));
  assert.equal(cacheKey('EXISTS', 'k'), 'k');
  assert.equal(cacheKey('JSON.GET', 'k', '$.a'), 'k');
});

it('all other commands stay out of a cache', () => {
  assert.equal(cacheKey('EXISTS', 'a', 'b'), null);
  assert.equal(cacheKey('GET'), null);
  assert.equal(cacheKey('GET k'), null);
  assert.equal(cacheKey('EXISTS a', 'b'), null);
  for (const name of [
    'SET GETDEL GETEX MGET TTL PTTL EXPIRETIME HTTL RANDOMKEY SRANDMEMBER HRANDFIELD ZRANDMEMBER SCAN HSCAN SSCAN',
    'ZSCAN OBJECT MEMORY DUMP SORT_RO SINTER LCS XINFO XPENDING XREAD TOUCH EVAL_RO FCALL_RO PFCOUNT NO.SUCH JSON.MGET',
  ]
    .join(' ')
    .split(' ')) {
    assert.equal(cacheKey(name, 'k', 'x', 'y'), null, name);
  }
  assert.equal(cacheKey('OBJECT', 'ENCODING', 'k'), null);
});

it('the cacheable commands agree with the key table: readonly, and the first argument is the only key', () => {
  let count = 0;
  for (const entry of allEntries()) {
    if ((entry.flags & CACHEABLE) === 0) continue;
    count += 1;
    assert.ok(entry.flags & READONLY, entry.name);
    const args = ['k'];
    assert.deepEqual(keysOf(resolveCommand(entry.name, args), args), ['k'], entry.name);
  }
  assert.ok(count > 40);
});
