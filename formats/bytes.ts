/** Bytes of UTF-8 that mean something in JSON (RFC 8259). */
export const QUOTE = 0x22;
export const BACKSLASH = 0x5c;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const BRACE_OPEN = 0x7b;
export const BRACE_CLOSE = 0x7d;
export const BRACKET_OPEN = 0x5b;
export const BRACKET_CLOSE = 0x5d;
export const MINUS = 0x2d;
export const ZERO = 0x30;
/** Of `null` and of `\n`. */
export const LETTER_N = 0x6e;
/** Of `\uXXXX`. */
export const LETTER_U = 0x75;
/** Below it are control characters, which JSON strings hold only escaped. */
export const SPACE = 0x20;

export function isSpace(byte: number): boolean {
  return byte === SPACE || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
