/** The first bytes of RESP values, where the code names them. */
export const ARRAY = 0x2a; // *
export const MAP = 0x25; // %
export const SET = 0x7e; // ~
export const PUSH = 0x3e; // >
export const ATTRIBUTE = 0x7c; // |
export const BULK = 0x24; // $
export const ERROR = 0x2d; // -
export const BLOB_ERROR = 0x21; // !
export const VERBATIM = 0x3d; // =
export const PART = 0x3b; // ;

export const CR = 0x0d;
export const LF = 0x0a;
