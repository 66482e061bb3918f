/**
 * Numbers and booleans as DuckDB writes them as text, byte by byte: a table of what each byte may follow. JSON wants a
 * digit before the point, where DuckDB writes a decimal without whole digits as `.50`, and has neither `nan` nor `inf`.
 *
 * Specification: RFC 8259, section 6.
 */

/** Before the first byte of an integer or a decimal. */
export const EXACT = 1;
/** Before the first byte of a double, which may be `nan`, `inf` and their negatives. */
export const DOUBLE = 2;
/** Before the first byte of `true` or `false`. */
export const BOOLEAN = 3;

const EXACT_MINUS = 4;
const DOUBLE_MINUS = 5;
const LEADING_ZERO = 6;
const WHOLE = 7;
const POINT_SEEN = 8;
const FRACTION = 9;
const E_SEEN = 10;
const E_SIGN = 11;
const EXPONENT = 12;
const TRUTH = 13;
const NOT_FINITE = 14;
/** From here on: within a word. */
const WORDS = 15;
const STATES_MAX = 32;

/** What becomes of a byte; added to the state that it leads to. */
export const KEEP = 0;
export const DROP = STATES_MAX;
/** A minus sign was dropped before it. */
export const AFTER_MINUS = 2 * STATES_MAX;
/** A zero is wanted before it. */
export const AFTER_ZERO = 3 * STATES_MAX;
export const AFTER_MINUS_ZERO = 4 * STATES_MAX;
/** Bits of the state in a step. */
export const STATE_BITS = STATES_MAX - 1;

/** `STEPS[state << 8 | byte]`: the next state and what becomes of the byte, or 0 when it does not belong there. */
export const STEPS = createSteps();

/** What becomes of a value that ends. */
export const INCOMPLETE = 0;
export const COMPLETE = 1;
/** JSON has no number for it. */
export const NULL = 2;

/** By state. */
export const ENDINGS = new Uint8Array(STATES_MAX).fill(INCOMPLETE);
for (const state of [LEADING_ZERO, WHOLE, FRACTION, EXPONENT, TRUTH]) ENDINGS[state] = COMPLETE;
ENDINGS[NOT_FINITE] = NULL;

function createSteps(): Uint8Array {
  const steps = new Uint8Array(STATES_MAX << 8);
  let words = WORDS;

  function on(state: number, bytes: string, next: number, fate = KEEP): void {
    for (const byte of bytes) steps[(state << 8) | byte.charCodeAt(0)] = next | fate;
  }
  function word(from: number, text: string, end: number, fate = KEEP): void {
    let state = from;
    for (const [place, letter] of [...text].entries()) {
      const next = place === text.length - 1 ? end : words++;
      on(state, letter, next, fate);
      state = next;
    }
  }

  for (const [start, minus] of [
    [EXACT, EXACT_MINUS],
    [DOUBLE, DOUBLE_MINUS],
  ] as const) {
    on(start, '-', minus, DROP);
    on(start, '0', LEADING_ZERO);
    on(start, '123456789', WHOLE);
    on(start, '.', POINT_SEEN, AFTER_ZERO);
    on(minus, '0', LEADING_ZERO, AFTER_MINUS);
    on(minus, '123456789', WHOLE, AFTER_MINUS);
    on(minus, '.', POINT_SEEN, AFTER_MINUS_ZERO);
  }
  on(WHOLE, '0123456789', WHOLE);
  on(POINT_SEEN, '0123456789', FRACTION);
  on(FRACTION, '0123456789', FRACTION);
  on(E_SEEN, '+-', E_SIGN);
  for (const state of [LEADING_ZERO, WHOLE]) on(state, '.', POINT_SEEN);
  for (const state of [LEADING_ZERO, WHOLE, FRACTION]) on(state, 'eE', E_SEEN);
  for (const state of [E_SEEN, E_SIGN, EXPONENT]) on(state, '0123456789', EXPONENT);
  for (const start of [DOUBLE, DOUBLE_MINUS]) {
    word(start, 'nan', NOT_FINITE, DROP);
    word(start, 'inf', NOT_FINITE, DROP);
  }
  word(BOOLEAN, 'true', TRUTH);
  word(BOOLEAN, 'false', TRUTH);
  return steps;
}
