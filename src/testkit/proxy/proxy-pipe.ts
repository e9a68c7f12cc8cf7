import type { Duplex } from 'node:stream';
import { RingQueue } from '../../base/ring-queue.ts';
import type { ProxyDirection, ProxyFault, ProxyLine } from './faults.ts';
import { FrameScanner, type Piece } from './frame-scanner.ts';

/** Beyond this many bytes in transit the sender is not read. */
const HIGH_WATER = 1024 * 1024;
/** How long a swapped frame waits for the next one, in ms. */
const SWAP_PATIENCE = 50;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const bytesOf = (data: string | Uint8Array): Uint8Array =>
  typeof data === 'string' ? Buffer.from(data, 'latin1') : data;

/** Random bytes; the first one starts no RESP frame, so that a peer can always detect them. */
function garbage(length: number, random: () => number): Buffer {
  const bytes = Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));
  if (length > 0) bytes[0] = 0x80 + Math.floor(random() * 128);
  return bytes;
}

/** The methods of the connection that its pipes use. */
export interface PipeOwner {
  readonly random: () => number;
  line(direction: ProxyDirection): ProxyLine;
  /** Whether faults may strike, so that frames must not pass in parts. */
  armed(): boolean;
  /** Resolves when the proxy is thawed; `null` if it is not frozen. */
  frozen(): Promise<void> | null;
  judge(direction: ProxyDirection, piece: Piece): ProxyFault | null;
  reset(): void;
  destroy(): void;
}

/** One direction of a connection; handles its pieces one after the other. */
export class ProxyPipe {
  readonly #owner: PipeOwner;
  readonly #direction: ProxyDirection;
  readonly #from: Duplex;
  readonly #to: Duplex;
  readonly #scanner: FrameScanner;
  readonly #pieces = new RingQueue<{ readonly piece: Piece; readonly came: number }>();
  #underWay = 0;
  #running = false;
  #ended = false;
  #held: Buffer | null = null;
  /** Drops all further bytes, without an error on either side. */
  swallows = false;

  constructor(owner: PipeOwner, direction: ProxyDirection, from: Duplex, to: Duplex) {
    this.#owner = owner;
    this.#direction = direction;
    this.#from = from;
    this.#to = to;
    this.#scanner = new FrameScanner(direction === 'to-server');
    from.on('data', (chunk: Buffer) => this.#take(chunk));
    from.on('end', () => this.#end());
    from.on('error', () => {});
    to.on('drain', () => this.#flow());
  }

  /** Sends bytes in order with the passing ones. */
  send(data: string | Uint8Array): void {
    this.#queue({ bytes: Buffer.from(bytesOf(data)), whole: false });
    void this.#run();
  }

  #take(chunk: Buffer): void {
    if (this.swallows) return;
    for (const piece of this.#scanner.write(chunk, !this.#owner.armed())) this.#queue(piece);
    void this.#run();
    this.#flow();
  }

  #queue(piece: Piece): void {
    this.#underWay += piece.bytes.length;
    this.#pieces.push({ piece, came: performance.now() });
  }

  #end(): void {
    this.#ended = true;
    if (!this.#scanner.between) this.#queue(this.#scanner.rest());
    void this.#run();
  }

  #flow(): void {
    if (this.#underWay + this.#to.writableLength > HIGH_WATER) this.#from.pause();
    else if (this.#owner.frozen() === null) this.#from.resume();
  }

  /** Handles the queued pieces, synchronously as long as nothing has to wait. */
  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    for (let next = this.#pieces.shift(); next !== undefined; next = this.#pieces.shift()) {
      for (let frozen = this.#owner.frozen(); frozen !== null; frozen = this.#owner.frozen()) await frozen;
      const { delay = 0, jitter = 0 } = this.#owner.line(this.#direction);
      const wait = next.came + delay + jitter * this.#owner.random() - performance.now();
      if (delay + jitter > 0 && wait > 0) await pause(wait);
      const step = this.swallows ? undefined : this.#pass(next.piece);
      if (step !== undefined) await step;
      this.#underWay -= next.piece.bytes.length;
    }
    this.#running = false;
    this.#flow();
    if (!this.#ended || this.swallows) return;
    this.#release();
    this.#to.end();
  }

  #pass(piece: Piece): undefined | Promise<void> {
    const fault = this.#owner.judge(this.#direction, piece);
    if (fault !== null) return this.#apply(fault, piece.bytes);
    const step = this.#write(piece.bytes);
    this.#release();
    return step;
  }

  /** Sends the swapped frame that waited for the one just sent. */
  #release(): void {
    const held = this.#held;
    this.#held = null;
    if (held !== null) this.#to.write(held);
  }

  #write(bytes: Uint8Array): undefined | Promise<void> {
    const { bandwidth, slice } = this.#owner.line(this.#direction);
    if (bandwidth !== undefined || slice !== undefined) return this.#drip(bytes, slice, bandwidth);
    if (!this.#to.destroyed && !this.#to.writableEnded) this.#to.write(bytes);
    return undefined;
  }

  async #drip(bytes: Uint8Array, slice = 16_384, bandwidth = Number.POSITIVE_INFINITY): Promise<void> {
    for (let at = 0; at < bytes.length && !this.#to.writableEnded; at += slice) {
      const part = bytes.subarray(at, at + slice);
      this.#to.write(part);
      const ms = (part.length / bandwidth) * 1000;
      if (ms >= 1) await pause(ms);
      // Wait for a turn of the event loop, so that the kernel sends each part separately.
      else await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async #apply(fault: ProxyFault, bytes: Buffer): Promise<void> {
    const { random } = this.#owner;
    switch (fault.kind) {
      case 'delay':
        await pause(fault.ms);
        return this.#write(bytes);
      case 'slice':
        return this.#drip(bytes, fault.bytes ?? 1);
      case 'drop':
        return;
      case 'duplicate':
        return this.#write(Buffer.concat([bytes, bytes]));
      case 'swap':
        return this.#hold(bytes);
      case 'inject': {
        const own = bytesOf(fault.bytes);
        return this.#write(Buffer.concat(fault.before === true ? [own, bytes] : [bytes, own]));
      }
      case 'replace':
        return this.#write(bytesOf(fault.bytes));
      case 'garbage':
        return this.#write(garbage(fault.bytes ?? 32, random));
      case 'truncate':
        return this.#truncate(bytes, fault.bytes ?? Math.floor(random() * bytes.length), fault.afterwards);
      case 'reset':
        return this.#owner.reset();
      case 'half-close':
        await this.#write(bytes);
        this.swallows = true;
        this.#to.end();
        return;
      case 'black-hole':
        this.swallows = true;
    }
  }

  #hold(bytes: Buffer): void {
    this.#release();
    this.#held = bytes;
    setTimeout(() => {
      if (this.#held === bytes && !this.swallows) this.#release();
    }, SWAP_PATIENCE);
  }

  async #truncate(
    bytes: Buffer,
    length: number,
    afterwards: 'reset' | 'end' | 'silence' = 'end',
  ): Promise<void> {
    this.swallows = true;
    if (length > 0) this.#to.write(bytes.subarray(0, length));
    if (afterwards === 'silence') return;
    // Let the part arrive first, because a reset overtakes bytes still in the kernel.
    await pause(2);
    if (afterwards === 'reset') this.#owner.reset();
    else this.#to.end();
  }
}
