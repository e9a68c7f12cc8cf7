import { isUint8Array } from 'node:util/types';
import { contentOf } from '../../resp/encoder.ts';
import type { Reply } from '../../resp/types.ts';
import type { TextMode } from '../../resp/text-modes.ts';

export type SubscriptionKind = 'channel' | 'pattern' | 'shard';
export const KINDS: readonly SubscriptionKind[] = ['channel', 'pattern', 'shard'];

/** The server's acknowledgement of one name: `[kind, name, count]`. */
export type SubscriptionAck = [kind: Buffer, name: Buffer, count: number];

/** A parsed acknowledgement of the server. */
export interface Acknowledgement {
  readonly kind: SubscriptionKind;
  readonly subscribe: boolean;
  /** Null if `UNSUBSCRIBE` had no names and nothing was subscribed. */
  readonly key: string | null;
  readonly count: number;
}

export interface PubsubAction {
  readonly kind: SubscriptionKind;
  readonly subscribe: boolean;
}

const PREFIX: Record<SubscriptionKind, string> = { channel: '', pattern: 'p', shard: 's' };
const ACTIONS = new Map<string, PubsubAction>();
const ACK_NAMES = new Map<PubsubAction, Buffer>();
for (const kind of KINDS) {
  for (const subscribe of [true, false]) {
    const word = PREFIX[kind] + (subscribe ? 'subscribe' : 'unsubscribe');
    const action: PubsubAction = { kind, subscribe };
    ACTIONS.set(word, action);
    ACK_NAMES.set(action, Buffer.from(word));
  }
}

/** The action of a command's or an acknowledgement's name, in any case. */
export function pubsubAction(word: string): PubsubAction | null {
  return ACTIONS.get(word.toLowerCase()) ?? null;
}

export function commandName(kind: SubscriptionKind, subscribe: boolean): string {
  return (PREFIX[kind] + (subscribe ? 'subscribe' : 'unsubscribe')).toUpperCase();
}

/** Parses an acknowledgement; null for any other push. `nameOf` returns the bytes of the name. */
export function readAcknowledgement(
  push: readonly Reply[],
  nameOf: (name: Reply | undefined) => Buffer | null = (name) => (Buffer.isBuffer(name) ? name : null),
): Acknowledgement | null {
  const word = push[0];
  const action =
    typeof word === 'string' || Buffer.isBuffer(word) ? (ACTIONS.get(word.toString('latin1')) ?? null) : null;
  if (action === null) return null;
  const name = nameOf(push[1]);
  return { ...action, key: name === null ? null : nameKey(name), count: Number(push[2]) };
}

/** Makes an acknowledgement in the server's form, with new buffers. */
export function makeAck(
  kind: SubscriptionKind,
  subscribe: boolean,
  name: Buffer,
  count: number,
): SubscriptionAck {
  const action = ACTIONS.get(PREFIX[kind] + (subscribe ? 'subscribe' : 'unsubscribe')) as PubsubAction;
  return [Buffer.from(ACK_NAMES.get(action) as Buffer), Buffer.from(name), count];
}

/** The key of a name: its bytes as latin1 text, so that equal bytes are equal strings. */
export function nameKey(name: Uint8Array): string {
  return Buffer.from(name.buffer, name.byteOffset, name.byteLength).toString('latin1');
}

/** As `nameKey`, for bytes or text; null for text that the encoding cannot hold. */
export function anyNameKey(name: string | Uint8Array, text: TextMode): string | null {
  if (typeof name === 'string') return contentOf(name, text);
  if (isUint8Array(name)) return nameKey(name);
  throw wrongName(name);
}

export function wrongName(name: unknown): TypeError {
  return new TypeError(
    `the name of a channel must be a string or bytes; got ${name === null ? 'null' : typeof name}`,
  );
}

/** Prefix of the channels that `verifyDelivery` uses; users never see their messages. */
export const PROBE_PREFIX = '__respool:probe:';
const PROBE = Buffer.from(PROBE_PREFIX);

export function isProbe(channel: Buffer): boolean {
  if (channel.length <= PROBE.length || channel[0] !== PROBE[0]) return false;
  return channel.subarray(0, PROBE.length).equals(PROBE);
}

/** The message of a probe, also if a pattern matched its channel; null for any other push. */
export function probeMessage(push: readonly Reply[]): string | null {
  const channel = push[push.length - 2];
  if (!Buffer.isBuffer(channel) || !isProbe(channel) || messageKind(push[0]) === null) return null;
  return String(push[push.length - 1]);
}

const M = 0x6d;
const P = 0x70;
const S = 0x73;
const E = 0x65;

/** The kind of a message by the push's first element; null for other pushes. Called for every message. */
export function messageKind(word: Reply | undefined): SubscriptionKind | null {
  if (typeof word === 'string') {
    if (word === 'message') return 'channel';
    if (word === 'pmessage') return 'pattern';
    return word === 'smessage' ? 'shard' : null;
  }
  if (!Buffer.isBuffer(word)) return null;
  if (word.length === 7) return word[0] === M && word[6] === E ? 'channel' : null;
  if (word.length !== 8 || word[1] !== M || word[7] !== E) return null;
  if (word[0] === P) return 'pattern';
  return word[0] === S ? 'shard' : null;
}
