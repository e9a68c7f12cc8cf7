import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Known, mask } from '../../../src/connection/redaction/masking.ts';

function known(args: string[], ...own: string[]): Known {
  return { own: new Set(own), args, modifier: false };
}

describe('a text with known arguments', () => {
  for (const [args, text, masked] of [
    [['canary'], 'no canary, no CANARY', 'no …, no …'],
    [['canary'], 'Unknown node canary:1', 'Unknown node …:1'],
    [['canary here'], 'it was canary here, see', 'it was …, see'],
    [['err', 'key', 'value'], 'syntax error of a key, not a value', 'syntax error of a key, not a value'],
    [['key'], "no such key 'key'", "no such key '…'"],
    [['a'], 'a \'a\' "a" `a`', 'a \'…\' "…" `…`'],
    [['!!!'], 'what !!! is', 'what … is'],
    [['canary\0rest'], "Unknown option 'canary'", "Unknown option '…'"],
    [['return redis.error(canary * 2)'], "near 'canary' of 12 canaries", "near '…' of 12 canaries"],
    [['canary one, canary two'], 'one canary2 canary canary', 'one canary2 …'],
    [[`${'x'.repeat(100)}rest`], `'${'x'.repeat(100)}' is long`, "'…' is long"],
    [['127'], 'user_script:127: unexpected 127', 'user_script:127: unexpected …'],
    [[], 'anything at all', 'anything at all'],
  ] as const) {
    test(`the mask leaves ${JSON.stringify(masked)}`, () =>
      assert.equal(mask(text, known([...args]), 0), masked));
  }

  test('arguments are masked in any spelling of their bytes', () => {
    const bytes = Buffer.from('ключ').toString('latin1').toLowerCase();
    assert.equal(mask("no 'ключ' there: ключ", known([bytes]), 0), "no '…' there: …");
    assert.equal(mask("no 'pässwort'", known(['p\xe4sswort']), 0), "no '…'");
    assert.equal(mask("no 'pässwort'", known(['p\xc3\xa4sswort'.toLowerCase()]), 0), "no '…'");
    assert.equal(mask('größe 😀', known(['other']), 0), 'größe 😀');
  });

  test('the name of the command and the code stay', () => {
    assert.equal(mask("wrong 'foo' foo", known(['foo'], 'foo'), 0), "wrong 'foo' foo");
    assert.equal(mask('MYCODE MYCODE', known(['mycode']), 7), 'MYCODE …');
  });
});

describe('a text with unknown arguments', () => {
  for (const [text, masked] of [
    ["Unknown option or number of arguments for CONFIG SET - 'a' b'", undefined],
    [
      'Operation against a key holding the wrong kind of value',
      'Operation against a key holding the wrong kind of value',
    ],
    [
      "command not allowed when used memory > 'maxmemory'.",
      "command not allowed when used memory > 'maxmemory'.",
    ],
    ["You can't write against a read only replica.", "You can't write against a read only replica."],
    [
      'user_script:17: canary canary script: 0a1b, on @user_script:17.',
      'user_script:17: … script: …, on @user_script:17.',
    ],
    ['value p!q#r is 4711', 'value … is …'],
    ['', ''],
  ] as const) {
    const expected = masked ?? "Unknown option or number of arguments for CONFIG SET - '…'";
    test(`the mask leaves ${JSON.stringify(expected)}`, () => {
      assert.equal(mask(text, null, 0), expected);
    });
  }
});

test('masking takes time in proportion to the text', () => {
  const size = 1 << 20;
  for (const text of ["'".repeat(size), 'a'.repeat(size), 'ä '.repeat(size / 2), "' a".repeat(size / 3)]) {
    const start = performance.now();
    mask(text, null, 0);
    mask(text, known([text.toLowerCase()]), 0);
    // A quadratic algorithm would take minutes.
    assert.ok(performance.now() - start < 5000);
  }
});
