import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { InvalidResponse } from '../../../src/errors/errors.ts';
import { Decoder, INCOMPLETE } from '../../../src/resp/decoding/decoder.ts';
import type {
  MessageKind,
  MessageListener,
  MessageListeners,
} from '../../../src/resp/decoding/message-reader.ts';
import type { Reply } from '../../../src/resp/types.ts';
import { BYTES, type DecodeMode, UTF8 } from '../../../src/resp/text-modes.ts';

const push = (...items: (string | Buffer)[]): Buffer =>
  Buffer.concat([
    Buffer.from(`>${items.length}\r\n`),
    ...items.flatMap((item) => [
      Buffer.from(`$${Buffer.byteLength(item)}\r\n`),
      Buffer.from(item as string),
      Buffer.from('\r\n'),
    ]),
  ]);

/** Every channel but `strangers` has a subscriber. */
class Listeners implements MessageListeners {
  readonly log: [string, Reply][] = [];
  readonly #mode: DecodeMode;
  constructor(mode: DecodeMode) {
    this.#mode = mode;
  }
  find(bytes: Buffer, start: number, end: number, kind: MessageKind): MessageListener | null {
    const name = bytes.toString('latin1', start, end);
    if (name === 'stranger') return null;
    return {
      mode: this.#mode,
      hear: (message) => this.log.push([`${kind === 'shard' ? 's' : ''}message ${name}`, message]),
      hearFrom: (channel, message) => {
        if (String(channel) === 'odd') return false;
        this.log.push([`pmessage ${name} ${String(channel)}`, message]);
        return true;
      },
    };
  }
}

/** Reads as a connection does: by the short path where possible, else by the long path. */
function readAll(chunks: readonly Buffer[], mode: DecodeMode = BYTES): [string, Reply][] {
  const decoder = new Decoder();
  const listeners = new Listeners(mode);
  for (const chunk of chunks) {
    decoder.feed(chunk, 0, chunk.length);
    for (;;) {
      if (decoder.message(listeners)) continue;
      const value = decoder.read(BYTES, BYTES);
      if (value === INCOMPLETE) break;
      const frame = value as Buffer[];
      const [kind, name, message] = Array.isArray(frame) ? frame : [];
      if (frame.length === 3 && String(name) !== 'stranger') {
        listeners.log.push([
          `${String(kind)} ${String(name)}`,
          mode === BYTES ? (message as Buffer) : String(message),
        ]);
      } else if (frame.length === 4 && String(message) !== 'odd' && String(name) !== 'stranger') {
        const [, , , text] = frame;
        listeners.log.push([
          `${String(kind)} ${String(name)} ${String(message)}`,
          mode === BYTES ? (text as Buffer) : String(text),
        ]);
      } else listeners.log.push([`read ${frame.length}`, frame]);
    }
    decoder.retain();
  }
  return listeners.log;
}

const STREAM = Buffer.concat([
  push('message', 'news', 'hello'),
  push('message', 'news', ''),
  push('smessage', 'shard', Buffer.from([255, 13, 10, 0])),
  push('message', 'stranger', 'who'),
  push('pmessage', 'n*', 'news', 'pattern'),
  push('pmessage', 'n*', 'odd', 'left to the long way'),
  push('pmessage', 'stranger', 'news', 'who'),
  push('pmessage', '', '', ''),
  Buffer.from('+OK\r\n'),
  push('message', '', 'x'.repeat(300)),
  push('message', 'a'.repeat(100), 'y'.repeat(5000)),
  push('message', 'news', 'last'),
]);

describe('messages read by the short path', () => {
  it('the short path reads the same as the long path, in order, whole and cut at every place', () => {
    const whole = readAll([STREAM]);
    assert.deepEqual(
      whole.map(([what]) => what),
      [
        'message news',
        'message news',
        'smessage shard',
        'read 3',
        'pmessage n* news',
        'read 4',
        'read 4',
        'pmessage  ',
        'read 2',
        'message ',
        `message ${'a'.repeat(100)}`,
        'message news',
      ],
    );
    assert.deepEqual(whole[0]?.[1], Buffer.from('hello'));
    assert.deepEqual(whole[2]?.[1], Buffer.from([255, 13, 10, 0]));
    assert.deepEqual(whole[4]?.[1], Buffer.from('pattern'));
    for (let cut = 1; cut < STREAM.length; cut += cut < 300 || cut > STREAM.length - 100 ? 1 : 37) {
      assert.deepEqual(readAll([STREAM.subarray(0, cut), STREAM.subarray(cut)]), whole, `cut at ${cut}`);
    }
    const bytes = Array.from({ length: 400 }, (_, at) => STREAM.subarray(at, at + 1));
    assert.deepEqual(readAll([...bytes, STREAM.subarray(400)]), whole);
  });

  it('messages are decoded as their listener wants', () => {
    assert.deepEqual(readAll([push('message', 'news', 'žluť')], UTF8), [['message news', 'žluť']]);
    assert.deepEqual(readAll([push('pmessage', 'n*', 'news', 'žluť')], UTF8), [['pmessage n* news', 'žluť']]);
    const invalid = Buffer.from([0xc3, 0x28]);
    assert.deepEqual(readAll([push('message', 'news', invalid)], UTF8), [['message news', invalid]]);
  });

  it('damaged messages are left to the long path', () => {
    const damaged = [
      '>3\r\n$7\r\nmessage\r\n$4\r\nnewsXX$5\r\nhello\r\n',
      '>3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhelloXX',
      '>3\r\n$7\r\nmessage\r\n$x\r\nnews\r\n$5\r\nhello\r\n',
      '>4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n$4\r\nnewsXX$5\r\nhello\r\n',
      '>4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n$4\r\nnews\r\n$5\r\nhelloXX',
    ];
    for (const text of damaged) {
      assert.throws(() => readAll([Buffer.from(`${text}${'+filler\r\n'.repeat(5)}`)]), InvalidResponse, text);
    }
    const others = [
      '>3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n:5\r\n',
      '>3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n_\r\n',
      '>4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n$4\r\nnews\r\n:5\r\n',
      '>4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n:4\r\n$5\r\nhello\r\n',
    ];
    for (const text of others) assert.equal(readAll([Buffer.from(text)]).length, 1);
  });
});
