import { Duplex } from 'node:stream';

/** Two ends of a pipe in memory: what is written to one is read from the other. */
export function duplexPair(): [Duplex, Duplex] {
  const ends: Duplex[] = [];
  const waiting: ((() => void) | null)[] = [null, null];
  const make = (side: 0 | 1): Duplex =>
    new Duplex({
      highWaterMark: 4096,
      read() {
        const next = waiting[side];
        waiting[side] = null;
        next?.();
      },
      write(chunk: Buffer, _encoding, done) {
        const other = ends[1 - side] as Duplex;
        if (other.destroyed || other.push(chunk)) done();
        else waiting[1 - side] = done;
      },
      final(done) {
        (ends[1 - side] as Duplex).push(null);
        done();
      },
    });
  ends.push(make(0), make(1));
  return ends as [Duplex, Duplex];
}
