import { isUint8Array } from 'node:util/types';
import type { ServerTls, TlsOptions } from '../servers/server-tls.ts';
import type { UnixDomainSocketLocation, TCPLocation } from '../../transport/location.ts';

/** The way bytes go. */
export type ProxyDirection = 'to-server' | 'to-client';

/** One fault and its measures. Where bytes are lost or made up, `heal` ends the connection. */
export type ProxyFault =
  /** Passes later; what follows waits behind it. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** Passes in slices of this many bytes (default 1), each in its own write. */
  | { readonly kind: 'slice'; readonly bytes?: number | undefined }
  | { readonly kind: 'drop' }
  | { readonly kind: 'duplicate' }
  /** Passes after the frame that follows it, or after 50 ms when none does. */
  | { readonly kind: 'swap' }
  /** Other bytes pass too, after the frame or before it. Text is latin1. */
  | {
      readonly kind: 'inject';
      readonly bytes: string | Uint8Array;
      readonly before?: boolean | undefined;
    }
  /** Other bytes pass instead. */
  | { readonly kind: 'replace'; readonly bytes: string | Uint8Array }
  /** This many random bytes (default 32) pass instead; the first one starts no frame. */
  | { readonly kind: 'garbage'; readonly bytes?: number | undefined }
  /** The first bytes pass (a random part), then the connection is reset, ends, or nothing ever follows. */
  | {
      readonly kind: 'truncate';
      readonly bytes?: number | undefined;
      readonly afterwards?: 'reset' | 'end' | 'silence' | undefined;
    }
  /** RST to both sides; the frame is lost. */
  | { readonly kind: 'reset' }
  /** FIN after the frame, in its direction only; the other one stays open. */
  | { readonly kind: 'half-close' }
  /** From this frame on nothing passes in its direction; neither side gets an error. */
  | { readonly kind: 'black-hole' };

export type ProxyFaultKind = ProxyFault['kind'];

/** A fault, or the name of one that needs no more than its name. */
export type ProxyFaultChoice = ProxyFault | Exclude<ProxyFaultKind, 'delay' | 'inject' | 'replace'>;

/** One RESP frame on its way. */
export interface ProxyFrame {
  readonly kind: 'command' | 'reply' | 'push';
  /** Counts the frames of that kind on the connection, from 0. */
  readonly index: number;
  /** The command, or the one that a reply answers as far as the proxy can count: `'GET'`, `'CLIENT SETINFO'`. */
  readonly command: string;
  readonly bytes: Buffer;
}

/** Probabilities per frame, from 0 to 1. They apply in both directions unless `ratesFor` says one. */
export type ProxyRates = { readonly [K in ProxyFaultKind]?: number | undefined };

/** The quality of the line, all the time. */
export interface ProxyLine {
  /** Milliseconds that everything takes longer. */
  readonly delay?: number | undefined;
  /** Up to this many milliseconds more, at random. */
  readonly jitter?: number | undefined;
  /** Bytes per second. */
  readonly bandwidth?: number | undefined;
  /** Bytes per write. */
  readonly slice?: number | undefined;
}

/** A place to pass bytes to; servers of the testkit are such targets. */
export interface ProxyTarget {
  readonly location: TCPLocation;
  readonly tls?: ServerTls | null | undefined;
}

export interface FaultProxyOptions {
  /** Makes a run repeatable; default: a random one, to be read from `seed`. */
  readonly seed?: number | undefined;
  /** Default: a free loopback port. */
  readonly port?: number | undefined;
  /** Listens on a Unix socket instead; `true`: a temporary one. */
  readonly path?: string | boolean | undefined;
  /**
   * Speaks TLS with both sides and sees the frames between. Without it the proxy works below TLS: bytes pass as they
   * are, and only faults that need no frames apply.
   */
  readonly tls?: boolean | TlsOptions | undefined;
  readonly rates?: ProxyRates | undefined;
  /** Where `rates` apply; default: `'both'`. */
  readonly ratesFor?: ProxyDirection | 'both' | undefined;
  readonly line?: ProxyLine | undefined;
}

export type FaultProxyTarget = ProxyTarget | TCPLocation | UnixDomainSocketLocation;

/** Faults that change no byte. */
const HARMLESS = new Set<ProxyFaultKind>(['delay', 'slice']);
/** Faults that can apply to bytes which are not frames. */
const OF_BYTES = new Set<ProxyFaultKind>([
  'delay',
  'slice',
  'garbage',
  'truncate',
  'reset',
  'half-close',
  'black-hole',
]);

export function losesBytes(kind: ProxyFaultKind): boolean {
  return !HARMLESS.has(kind);
}

export function isOfBytes(kind: ProxyFaultKind): boolean {
  return OF_BYTES.has(kind);
}

const KINDS = new Set<unknown>([...HARMLESS, ...OF_BYTES, 'drop', 'duplicate', 'swap', 'inject', 'replace']);

/** @throws {TypeError} it is no fault, or one without the measure it needs */
export function faultOf(choice: ProxyFaultChoice): ProxyFault {
  const fault = typeof choice === 'string' ? { kind: choice } : choice;
  const { kind, bytes, ms } = (fault ?? {}) as { kind?: unknown; bytes?: unknown; ms?: unknown };
  checkKind(kind);
  if (kind === 'inject' || kind === 'replace') checkBytes(kind, bytes);
  if (kind === 'delay' && !(typeof ms === 'number' && ms >= 0))
    throw new TypeError("the fault 'delay' needs ms: { kind: 'delay', ms: 50 }");
  return fault;
}

export function checkKind(kind: unknown): void {
  if (!KINDS.has(kind)) throw new TypeError(`${JSON.stringify(kind)} is no fault: ${[...KINDS].join(', ')}`);
}

export function checkBytes(kind: string, bytes: unknown): void {
  if (typeof bytes !== 'string' && !isUint8Array(bytes))
    throw new TypeError(`the fault '${kind}' needs bytes, text or a Uint8Array: '+OK\\r\\n'`);
}

/** A fault drawn by rates, with default or random parameters. */
export function faultOfKind(kind: ProxyFaultKind, random: () => number): ProxyFault {
  switch (kind) {
    case 'delay':
      return { kind, ms: random() * 50 };
    case 'inject':
      return { kind, bytes: '+OK\r\n', before: random() < 0.5 };
    case 'replace':
      return { kind, bytes: '+OK\r\n' };
    case 'truncate':
      return { kind, afterwards: (['reset', 'end', 'silence'] as const)[Math.floor(random() * 3)] };
    default:
      return { kind };
  }
}

/** A random generator from 0 to 1; the same seed gives the same numbers. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
