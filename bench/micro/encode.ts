import { encodeCommand, encodeWords, type Wire } from '../../src/resp/encoder.ts';
import type { RedisValue } from '../../src/resp/types.ts';
import { nanoseconds, report } from './timing.ts';

/** Measures nanoseconds per command for encoding, and for joining the 100 commands of a tick into one buffer. */
const SAMPLES: Record<string, [command: string, args: (index: number) => RedisValue[]]> = {
  PING: ['PING', () => []],
  'GET key': ['GET', (i) => [`key:${i}`]],
  'SET key value': ['SET', (i) => [`key:${i}`, 'some value']],
  'SET key 100 characters': ['SET', (i) => [`key:${i}`, '0123456789'.repeat(10)]],
  'SET key 1 KiB': ['SET', (i) => [`key:${i}`, 'x'.repeat(1024)]],
  'SET key not ASCII': ['SET', (i) => [`key:${i}`, 'žluťoučký kůň']],
  'SET key 100 bytes': ['SET', (i) => [`key:${i}`, Buffer.alloc(100, 0x61)]],
  'SET key 1 KiB of bytes': ['SET', (i) => [`key:${i}`, Buffer.alloc(1024, 0x61)]],
  'INCRBY key number': ['INCRBY', (i) => [`key:${i}`, i * 1000]],
  'ZADD key float member': ['ZADD', (i) => [`key:${i}`, i / 7, 'member']],
  'MGET 50': ['MGET', (i) => Array.from({ length: 50 }, (_, k) => `key:${i}:${k}`)],
  'CLIENT SETNAME name': ['CLIENT SETNAME', () => ['name']],
};
const TICK = 100;
const target = Buffer.alloc(8 << 20);

function write(wire: Wire, at: number): number {
  if (typeof wire === 'string') return at + target.write(wire, at, 'latin1');
  for (const piece of wire) {
    at += typeof piece === 'string' ? target.write(piece, at, 'latin1') : piece.copy(target, at);
  }
  return at;
}

const only = process.argv[2];
for (const [name, [command, make]] of Object.entries(SAMPLES)) {
  if (only !== undefined && !name.includes(only)) continue;
  const calls = Array.from({ length: TICK }, (_, i) => make(i));
  const ticks = 300;
  const time = nanoseconds(TICK * ticks, () => {
    for (let tick = 0; tick < ticks; tick++) {
      let text = '';
      let at = 0;
      for (const args of calls) {
        const wire = encodeCommand(encodeWords(command), args, 1);
        if (typeof wire === 'string') {
          text += wire;
        } else {
          at = write(text, at);
          text = '';
          at = write(wire, at);
        }
      }
      write(text, at);
    }
  });
  report(name, time);
}
