import { Decoder, INCOMPLETE } from '../../src/resp/decoding/decoder.ts';
import type { DecodeMode } from '../../src/resp/text-modes.ts';
import { nanoseconds, report } from './timing.ts';

/** Measures nanoseconds per decoded reply; run it compiled, on a quiet machine. */
const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
const many = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));
const array = (items: string[]): string => `*${items.length}\r\n${items.join('')}`;

const SAMPLES: Record<string, [reply: string, perChunk: number]> = {
  'status OK': ['+OK\r\n', 1000],
  integer: [':12345\r\n', 1000],
  'GET 5 bytes': [bulk('hello'), 1000],
  'GET 16 bytes': [bulk('0123456789abcdef'), 1000],
  'GET 40 bytes': [bulk('0123456789abcdef0123456789abcdef01234567'), 1000],
  'GET 100 bytes': [bulk('0123456789'.repeat(10)), 500],
  'GET 1 KiB': [bulk('x'.repeat(1024)), 60],
  'GET 16 KiB': [bulk('x'.repeat(16384)), 4],
  'GET 1 KiB, not ASCII': [bulk('žluťoučký kůň '.repeat(60)), 50],
  'GET 16 KiB, not ASCII': [bulk('žluťoučký kůň '.repeat(900)), 3],
  'MGET 50': [array(many(50, (i) => bulk(`value:${i}`))), 50],
  'LRANGE 1000': [array(many(1000, (i) => bulk(`item:${i}`))), 4],
  'integers 1000': [array(many(1000, (i) => `:${i * 7919}\r\n`)), 4],
  'HGETALL 100 (map)': [
    `%100\r\n${many(100, (i) => bulk(`field:${i}`) + bulk(`value of ${i}`)).join('')}`,
    20,
  ],
  'SMEMBERS 100 (set)': [`~100\r\n${many(100, (i) => bulk(`member:${i}`)).join('')}`, 20],
  'doubles 1000, short': [array(many(1000, (i) => `,${i / 8}\r\n`)), 4],
  'doubles 1000, 17 digits': [array(many(1000, (i) => `,${(Math.sin(i + 1) * 100).toPrecision(17)}\r\n`)), 2],
  'nested 100 x 2': [array(many(100, (i) => array([bulk(`id-${i}`), ':1\r\n']))), 20],
  'push message': ['>3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n', 500],
};

function run(name: string, reply: string, perChunk: number, mode: DecodeMode): void {
  const chunk = Buffer.from(reply.repeat(perChunk));
  const decoder = new Decoder();
  const chunks = Math.max(1, Math.ceil(3_000_000 / chunk.length));
  const time = nanoseconds(perChunk * chunks, () => {
    for (let i = 0; i < chunks; i++) {
      decoder.feed(chunk, 0, chunk.length);
      while (decoder.read(mode, 1) !== INCOMPLETE);
      decoder.retain();
    }
  });
  report(`${name}, ${mode === 0 ? 'bytes' : 'text'}`, time);
}

const only = process.argv[2];
for (const [name, [reply, perChunk]] of Object.entries(SAMPLES)) {
  if (only !== undefined && !name.includes(only)) continue;
  for (const mode of [1, 0] as const) run(name, reply, perChunk, mode);
}

/** Nanoseconds per byte or entry, which must not grow with the size of the reply, whatever the chunk size. */
function pieces(input: Buffer, size: number, mode: DecodeMode): void {
  const decoder = new Decoder();
  for (let at = 0; at < input.length; at += size) {
    decoder.feed(input, at, Math.min(input.length, at + size));
    while (decoder.read(mode, 1) !== INCOMPLETE);
    decoder.retain();
  }
}

if (only === undefined || only === 'linear') {
  for (const mib of [1, 16, 64, 256]) {
    const input = Buffer.concat([
      Buffer.from(`$${mib << 20}\r\n`),
      Buffer.alloc(mib << 20, 0x78),
      Buffer.from('\r\n'),
    ]);
    for (const size of [1024, 65536, 1 << 20]) {
      const time = nanoseconds(mib << 10, () => pieces(input, size, 0), mib > 64 ? 3 : 5);
      report(`per KiB: string of ${mib} MiB, chunks of ${size}`, time);
    }
  }
  for (const count of [1000, 100_000, 1_000_000]) {
    const input = Buffer.from(array(many(count, (i) => bulk(`item:${i}`))));
    for (const size of [1021, 65536, 1 << 20]) {
      const time = nanoseconds(count, () => pieces(input, size, 1), count > 100_000 ? 3 : 8);
      report(`per entry: array of ${count}, chunks of ${size}`, time);
    }
  }
}
