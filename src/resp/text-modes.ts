/** How text is turned into bytes and back. */
export type TextEncoding = 'utf-8' | 'utf8' | 'latin1' | 'ascii';

export const BYTES = 0;
export const UTF8 = 1;
export const LATIN1 = 2;
export const ASCII = 3;
export type TextMode = 1 | 2 | 3;

/**
 * How to read the strings of a reply: above 0 as text in that encoding, otherwise as bytes. Maps and sets of bytes can
 * be searched with text: in UTF-8 for 0, in the encoding of the opposite number if negative.
 */
export type DecodeMode = 0 | -2 | -3 | TextMode;

/** The text mode of an encoding; throws `TypeError` for an unknown one. */
export function textMode(encoding: TextEncoding): TextMode {
  switch (encoding) {
    case 'utf-8':
    case 'utf8':
      return UTF8;
    case 'latin1':
      return LATIN1;
    case 'ascii':
      return ASCII;
    default:
      throw new TypeError("encoding must be 'utf-8', 'utf8', 'latin1' or 'ascii'");
  }
}

/** The mode in which to read replies, given the text encoding and `decodeResponses`. */
export function replyMode(text: TextMode, decode: boolean | 'lenient'): DecodeMode {
  if (decode !== false) return text;
  return text === UTF8 ? BYTES : (-text as -2 | -3);
}

/** The text encoding of replies read with `mode`. */
export function textOfMode(mode: DecodeMode): TextMode {
  return mode === BYTES ? UTF8 : (Math.abs(mode) as TextMode);
}
