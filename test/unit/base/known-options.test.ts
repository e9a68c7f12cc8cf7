import assert from 'node:assert/strict';
import { test } from 'node:test';
import { demandKnown, demandObject } from '../../../src/base/known-options.ts';

const KNOWN = new Set(['signal', 'timeout']);

test('options must be an object', () => {
  for (const none of [null, undefined, 5, 'timeout', true, () => {}]) {
    assert.throws(() => demandObject(none), { name: 'TypeError', message: 'options must be an object' });
    assert.throws(
      () => demandKnown(none, KNOWN, 'get()'),
      /^TypeError: the options of get\(\) must be an object$/,
    );
  }
  demandObject({});
});

test('an unknown option is named, as far as it is short; undefined and inherited ones count as absent', () => {
  demandKnown({ timeout: 5, signal: undefined, other: undefined }, KNOWN);
  demandKnown(Object.create({ other: 1 }), KNOWN);
  assert.throws(
    () => demandKnown({ timeout: 5, tiemout: 5 }, KNOWN),
    /^TypeError: unknown option "tiemout"$/,
  );
  assert.throws(
    () => demandKnown({ other: null }, KNOWN, 'get()'),
    /^TypeError: unknown option of get\(\): "other"$/,
  );
  assert.throws(() => demandKnown({ ['x'.repeat(100)]: 1 }, KNOWN), /^TypeError: unknown option "x{64}"$/);
});
