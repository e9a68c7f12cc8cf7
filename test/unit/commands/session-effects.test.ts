import assert from 'node:assert/strict';
import { it } from 'node:test';
import { allEntries } from '../../../src/commands/catalogue.ts';
import { resolveCommand } from '../../../src/commands/command-info.ts';
import { HAS_EFFECT, STATEFUL } from '../../../src/commands/flags.ts';
import { effectOf, effectValue } from '../../../src/commands/session-effects.ts';
import type { RedisValue } from '../../../src/resp/types.ts';

function effect(command: string | Uint8Array, ...args: RedisValue[]): unknown[] {
  const info = resolveCommand(command, args);
  return [effectOf(info, args), effectValue(info, args)];
}

it('each effect is found with its value', () => {
  assert.deepEqual(effect('SELECT', 3), ['select', '3']);
  assert.deepEqual(effect('select 3'), ['select', '3']);
  assert.deepEqual(effect('CLIENT', 'SETNAME', Buffer.from('é', 'latin1')), ['setname', 'é']);
  assert.deepEqual(effect('CLIENT SETNAME', 'x'), ['setname', 'x']);
  assert.deepEqual(effect('CLIENT SETNAME x'), ['setname', 'x']);
  assert.deepEqual(effect('MULTI'), ['multi', null]);
  assert.deepEqual(effect('PSYNC', '?', -1), ['replication', '?']);
  assert.deepEqual(effect('GET', 'k'), [null, 'k']);
  assert.deepEqual(effect('CLIENT', 'ID'), [null, null]);
});

it('a command counts as blocking only when it blocks', () => {
  assert.equal(effect('BLPOP', 'k', 0)[0], 'blocking');
  assert.equal(effect('BLPOP', 'k', 'x')[0], null);
  assert.equal(effect('XREAD', 'BLOCK', 5, 'STREAMS', 's', '$')[0], 'blocking');
  assert.equal(effect('XREAD', 'STREAMS', 's', '$')[0], null);
  assert.equal(effect('WAIT', 1, 0)[0], 'blocking');
});

it('every marked command and every stateful one has an effect', () => {
  for (const entry of allEntries()) {
    if ((entry.flags & STATEFUL) !== 0) assert.ok(entry.flags & HAS_EFFECT, entry.name);
    if ((entry.flags & HAS_EFFECT) === 0) continue;
    const args = ['STREAMS', 's', 'BLOCK', 's', 's', 5];
    const found = effectOf(resolveCommand(entry.name, args), args);
    if (
      !entry.name.startsWith('XREAD') &&
      !/^B[LZ]MPOP|BLMOVEM?|BZMOVE|BRPOPLPUSH|WAIT|TS.READ/.test(entry.name)
    ) {
      assert.notEqual(found, null, entry.name);
    }
  }
});
