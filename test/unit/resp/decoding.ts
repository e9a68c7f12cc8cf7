import assert from 'node:assert/strict';
import { Decoder } from '../../../src/resp/decoding/decoder.ts';
import type { Reply } from '../../../src/resp/types.ts';
import type { DecodeMode } from '../../../src/resp/text-modes.ts';
import { decodeAll } from './vectors.ts';

/** The only reply in some bytes; throws what the decoder refuses. */
export function one(bytes: string | Buffer, mode: DecodeMode = 1, limits = {}): Reply {
  const outcome = decodeAll([Buffer.from(bytes as string)], mode, new Decoder(limits));
  if (outcome.error !== null) throw outcome.error;
  assert.equal(outcome.messages.length, 1);
  assert.equal(outcome.idle, true);
  return outcome.messages[0]!.value;
}

/** A bulk string on the wire. */
export const bulk = (body: string | Buffer): Buffer =>
  Buffer.concat([
    Buffer.from(`$${Buffer.byteLength(body)}\r\n`),
    Buffer.from(body as string),
    Buffer.from('\r\n'),
  ]);
