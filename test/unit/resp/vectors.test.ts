import assert from 'node:assert/strict';
import { test } from 'node:test';
import { replyError } from '../../../src/errors/reply-errors.ts';
import type { Reply } from '../../../src/resp/types.ts';
import { decodeAll, type Expected, type Outcome, shown, vectors, wanted } from './vectors.ts';

const errorCode = (line: string): string => replyError(line).code;

function list(expected: Expected): Expected[] {
  return expected.type === 'stream' ? (expected.replies ?? []) : [expected];
}

function kindOf(expected: Expected): number {
  if (expected.type === 'attributed') return kindOf(expected.value as Expected);
  return expected.type === 'push' ? 2 : expected.type === 'error' ? 1 : 0;
}

/** The outcome that an expectation asks for. */
function reading(expected: Expected): string {
  const ends = expected.error === true ? 'error' : expected.incomplete === true ? 'incomplete' : 'idle';
  const messages = ends === 'idle' ? list(expected) : (expected.after ?? []);
  return [...messages.map((message) => `${kindOf(message)} ${wanted(message, errorCode)}`), ends].join('\n');
}

function read(outcome: Outcome): string {
  const ends = outcome.error !== null ? 'error' : outcome.idle ? 'idle' : 'incomplete';
  return [...outcome.messages.map(({ kind, value }) => `${kind} ${shown(value)}`), ends].join('\n');
}

function bytewise(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
}

test('there are 188 vectors', () => assert.equal(vectors.length, 188));

for (const vector of vectors) {
  const bytes = Buffer.from(vector.bytesBase64, 'base64');
  const accepted = [vector.expect, ...(vector.alsoAccept ?? [])].map((expected) => reading(expected));

  test(`${vector.name} reads the same whole, byte by byte, at every cut and behind another reply`, () => {
    for (const mode of [0, 1, 2, 3] as const) {
      const outcome = decodeAll([bytes], mode);
      const whole = read(outcome);
      // Text in latin1 is not the same bytes in UTF-8: there only the cuts must agree.
      if (mode !== 2) assert.ok(accepted.includes(whole), `mode ${mode}: ${whole.slice(0, 400)}`);
      assert.equal(read(decodeAll(bytewise(bytes), mode)), whole);
      if (bytes.length <= 2048) {
        for (let cut = 1; cut < bytes.length; cut++) {
          assert.equal(
            read(decodeAll([bytes.subarray(0, cut), bytes.subarray(cut)], mode)),
            whole,
            `cut at ${cut}`,
          );
        }
      }
      const behind = decodeAll([Buffer.concat([Buffer.from('$3\r\nabc\r\n'), bytes])], mode);
      assert.equal(shown(behind.messages.shift()?.value as Reply), 's:YWJj');
      assert.equal(read(behind), whole);
    }
  });

  test(`${vector.name} is bounded in memory`, () => {
    const limit = vector.maxHeapDelta;
    if (limit === undefined) return;
    decodeAll([bytes], 0);
    const before = process.memoryUsage();
    decodeAll([bytes], 0);
    const now = process.memoryUsage();
    assert.ok(now.heapUsed + now.external - before.heapUsed - before.external < limit);
  });
}
