import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolveCommand } from '../../../src/commands/command-info.ts';
import { Entry } from '../../../src/connection/requests/entry.ts';
import { RequestEntry } from '../../../src/connection/requests/request.ts';
import { DetailedEntry } from '../../../src/pool/calls/pool-call.ts';
import { AskingEntry } from '../../../src/pool/calls/preludes.ts';
import { PoolCall } from '../../../src/pool/calls/pool-call.ts';
import { UTF8 } from '../../../src/resp/text-modes.ts';

const info = resolveCommand('GET', ['k'], UTF8);
const owner = { failed: (): void => {}, start: (): void => {} };

test('a call that sets its fields without super() has every field of an entry', () => {
  const plain = new AskingEntry();
  const request = new RequestEntry(info, 'wire', 4, UTF8);
  const call = new PoolCall(owner, info, 'wire', 4, UTF8);
  assert.ok(request instanceof Entry);
  assert.ok(call instanceof DetailedEntry && call instanceof Entry);
  for (const made of [request, call]) {
    for (const field of ['info', 'wire', 'size', 'mode'] as const) assert.notEqual(made[field], undefined);
    for (const [name, value] of Object.entries(plain)) {
      assert.ok(Object.hasOwn(made, name), `${made.constructor.name} has no ${name}`);
      if (!['info', 'wire', 'size', 'mode'].includes(name)) assert.equal(made[name as 'limit'], value, name);
    }
  }
  assert.ok(Object.hasOwn(call, 'details'));
  assert.deepEqual(
    [request, call].map(({ constructor: { name } }) => name),
    ['RequestEntry', 'PoolCall'],
  );
});

test('calls of one kind have one hidden class', () => {
  const calls = Array.from({ length: 3 }, () => new PoolCall(owner, info, 'wire', 4, UTF8));
  const [first, ...others] = calls.map((call) => Object.keys(call));
  for (const keys of others) assert.deepEqual(keys, first);
});
