import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Decoder } from '../../../src/resp/decoding/decoder.ts';
import { encodeCommand, encodeWords, type Wire, wireLength } from '../../../src/resp/encoder.ts';
import type { RedisValue, Reply } from '../../../src/resp/types.ts';

function bytesOf(wire: Wire): Buffer {
  const pieces = typeof wire === 'string' ? [wire] : wire;
  return Buffer.concat(
    pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece)),
  );
}

function encode(command: string | Uint8Array, args: readonly unknown[] = [], mode: 1 | 2 | 3 = 1): Buffer {
  const wire = encodeCommand(encodeWords(command), args as RedisValue[], mode);
  const bytes = bytesOf(wire);
  assert.equal(bytes.length, wireLength(wire));
  return bytes;
}

/** The arguments a server would read. */
function parse(bytes: Buffer): Buffer[] {
  const decoder = new Decoder();
  decoder.feed(bytes, 0, bytes.length);
  const value = decoder.read(0, 0) as Reply[];
  assert.ok(decoder.idle);
  return value as Buffer[];
}

const sent = (value: unknown, mode: 1 | 2 | 3 = 1): string =>
  parse(encode('X', [value], mode))[1]!.toString('latin1');

test('words are bulk strings of their own, sent as given', () => {
  assert.equal(encode('get', ['key']).toString(), '*2\r\n$3\r\nget\r\n$3\r\nkey\r\n');
  assert.equal(
    encode(' CLIENT \t NO-EVICT\n', ['on']).toString(),
    '*3\r\n$6\r\nCLIENT\r\n$8\r\nNO-EVICT\r\n$2\r\non\r\n',
  );
  assert.equal(encode(Buffer.from('Client Id')).toString(), '*2\r\n$6\r\nClient\r\n$2\r\nId\r\n');
  assert.deepEqual(encodeWords('CLIENT SETNAME').words, ['CLIENT', 'SETNAME']);
  assert.equal(encodeWords('CLIENT SETNAME').count, 2);
  assert.equal(encode('ÄGET').toString(), '*1\r\n$5\r\nÄGET\r\n');
  assert.deepEqual(parse(encode(Buffer.from([0xff, 0xfe]))), [Buffer.from([0xff, 0xfe])]);
});

test('an empty command is refused', () => {
  for (const command of ['', ' \r\n', new Uint8Array()]) assert.throws(() => encodeWords(command), TypeError);
  for (const command of [null, undefined, 1, {}])
    assert.throws(() => encodeWords(command as never), TypeError);
});

test('many different commands do not change the sent bytes', () => {
  for (let i = 0; i < 2000; i++) assert.equal(String(parse(encode(`C${i}`))), `C${i}`);
  assert.equal(encode('GET').toString(), '*1\r\n$3\r\nGET\r\n');
});

test('numbers are sent in their shortest exact form', () => {
  const cases: [number | bigint, string][] = [
    [0, '0'],
    [-0, '-0'],
    [1, '1'],
    [-12.5, '-12.5'],
    [0.1 + 0.2, '0.30000000000000004'],
    [1e21, '1e+21'],
    [5e-324, '5e-324'],
    [Number.MAX_SAFE_INTEGER, '9007199254740991'],
    [Infinity, 'inf'],
    [-Infinity, '-inf'],
    [123456789012345678901234567890n, '123456789012345678901234567890'],
    [-5n, '-5'],
  ];
  for (const [value, text] of cases) assert.equal(sent(value), text);
});

test('an invalid argument is refused, named by index and type, never shown', () => {
  const secret = { toString: (): string => 'secret-value' };
  class Text extends String {}
  for (const value of [
    null,
    undefined,
    true,
    false,
    secret,
    ['secret-value'],
    Symbol('secret-value'),
    () => 1,
    new Text('secret-value'),
    new ArrayBuffer(2),
    new DataView(new ArrayBuffer(2)),
    new Uint16Array(1),
    new Date(),
  ]) {
    assert.throws(
      () => encode('SET', ['key', value]),
      (error) => {
        assert.ok(error instanceof TypeError);
        assert.match(error.message, /^argument 1 /);
        assert.ok(!error.message.includes('secret-value'));
        return true;
      },
    );
  }
  assert.throws(() => encode('SET', [NaN]), /argument 0 .*NaN/);
  const holes: unknown[] = [];
  holes[2] = 'x';
  assert.throws(() => encode('SET', holes), /argument 0 .*undefined/);
});

test('text is sent in the encoding of the connection', () => {
  assert.equal(sent('é€😀'), Buffer.from('é€😀').toString('latin1'));
  assert.equal(sent('a\ud800b'), Buffer.from('a\ufffdb').toString('latin1'));
  assert.equal(sent('éÿ', 2), 'éÿ');
  for (const text of ['é', 'x'.repeat(100) + '€', '€']) {
    assert.throws(() => encode('SET', ['k', text], 3), /argument 1 .*ascii/);
    if (text !== 'é') assert.throws(() => encode('SET', ['k', text], 2), /argument 1 .*latin1/);
  }
  assert.equal(sent('é'.repeat(5000), 2), 'é'.repeat(5000));
});

test('bytes are taken over at the call', () => {
  for (const size of [0, 1, 100, 1023, 1024, 1025, 5000, 2_000_000]) {
    const value = Buffer.alloc(size, 0x61);
    const wire = encodeCommand(encodeWords('SET'), ['k', value], 1);
    value.fill(0x62);
    assert.ok(parse(bytesOf(wire))[2]!.every((byte) => byte === 0x61));
  }
});

test('views that misreport themselves cannot break the framing', () => {
  class Liar extends Uint8Array {
    override get length(): number {
      return 2;
    }
    override get byteLength(): number {
      return 7;
    }
    override toString(): string {
      return 'liar';
    }
    override slice(): Uint8Array<ArrayBuffer> {
      return new Uint8Array(1);
    }
    latin1Slice(): string {
      return 'liar';
    }
  }
  assert.equal(sent(new Liar([65, 66, 67, 68])), 'ABCD');
  const large = new Liar(3000).fill(65);
  assert.equal(sent(large).length, 3000);
  const shared = new Uint8Array(new SharedArrayBuffer(4096));
  assert.equal(sent(shared.fill(66)).length, 4096);
  assert.equal(sent(shared.subarray(1, 4)), 'BBB');
  const own = Buffer.from('own');
  own.toString = (): string => 'else';
  assert.equal(sent(own), 'own');
  const detached = new Uint8Array(4);
  structuredClone(detached.buffer, { transfer: [detached.buffer] });
  assert.throws(() => encode('SET', [detached]), /argument 0/);
});

test('large arguments are pieces of their own', () => {
  const wire = encodeCommand(
    encodeWords('MSET'),
    ['a', Buffer.alloc(5000), 'b', 'x'.repeat(3 << 20), 'c'],
    1,
  );
  assert.ok(Array.isArray(wire));
  assert.deepEqual(
    parse(bytesOf(wire)).map((part) => part.length),
    [4, 1, 5000, 1, 3 << 20, 1],
  );
  const many = encodeCommand(
    encodeWords('MSET'),
    Array.from({ length: 3000 }, () => 'y'.repeat(1000)),
    1,
  );
  assert.ok(Array.isArray(many) && many.length > 1);
  assert.equal(parse(bytesOf(many)).length, 3001);
});

const argument = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.string({ maxLength: 2000 }),
  fc.double({ noNaN: true }),
  fc.bigInt(),
  fc.uint8Array({ maxLength: 3000 }),
  fc.string({ unit: 'binary', minLength: 600, maxLength: 1500 }),
);

test('a server reads the same arguments that were sent', () => {
  fc.assert(
    fc.property(fc.array(argument, { maxLength: 70 }), (args) => {
      const read = parse(encode('ECHO', args));
      assert.equal(read.length, args.length + 1);
      args.forEach((value, at) => {
        const bytes = read[at + 1]!;
        if (typeof value === 'object') assert.deepEqual(new Uint8Array(bytes), new Uint8Array(value));
        else if (typeof value === 'string') assert.deepEqual(bytes, Buffer.from(value));
        else if (typeof value === 'bigint') assert.equal(BigInt(bytes.toString()), value);
        else assert.ok(Object.is(Number(bytes.toString().replace('inf', 'Infinity')), value));
      });
    }),
    { numRuns: 200 },
  );
});
