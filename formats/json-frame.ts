import { BRACE_CLOSE, BRACE_OPEN, BRACKET_CLOSE, BRACKET_OPEN, COLON, COMMA, isSpace, QUOTE } from './bytes.ts';
import { StringCopy } from './string-copy.ts';
import { damaged, type Tape } from './tape.ts';

/** Places in the frame; each names what was read last. */
const NOTHING = 0;
const LIST_OPEN = 1;
const ROW_CLOSE = 2;
const ROW_COMMA = 3;
const LIST_CLOSE = 4;
const ROW_OPEN = 5;
const VALUE = 6;
const VALUE_COMMA = 7;
const KEY_OPEN = 8;
const KEY_CLOSE = 9;

/** Bytes of a lead that is worth to be remembered, at the most. */
const LEAD_BYTES_MAX = 4096;

/**
 * Copies all that is not a value: brackets, braces, commas, keys, and white space between rows. Knows which column comes
 * next, and what led to its value in the row before: rows of one file differ in nothing else.
 */
export class JsonFrame {
  readonly #columns: number;
  readonly #keys = new StringCopy();
  /** By column: what stands between its value and the one before. */
  readonly leads: (Uint8Array | undefined)[];
  #place = NOTHING;
  /** What was read since the last value; `undefined` where no value is before. */
  #lead: number[] | undefined;
  /** Index of the column whose value is read or comes next. */
  column = -1;

  /** @param columns a count */
  constructor(columns: number) {
    this.#columns = columns;
    this.leads = Array.from({ length: columns }, () => undefined);
  }

  /** Whether the list was closed. */
  get complete(): boolean {
    return this.#place === LIST_CLOSE;
  }

  /**
   * @returns whether a value is next
   * @throws WaybillError `object_damaged`
   */
  read(tape: Tape): boolean {
    // A value was read since.
    if (this.#place === VALUE) this.#lead ??= [];
    while (tape.at < tape.end) {
      const from = tape.filled;
      if (this.#place === KEY_OPEN) {
        if (this.#keys.read(tape)) this.#place = KEY_CLOSE;
      } else {
        this.#readSign(tape);
      }
      this.#remember(tape.output.subarray(from, tape.filled));
      if (this.#place !== VALUE) continue;
      if (this.#lead) this.leads[this.column] = Uint8Array.from(this.#lead);
      this.#lead = undefined;
      return true;
    }
    return false;
  }

  #remember(bytes: Uint8Array): void {
    if (this.#lead === undefined) return;
    if (this.#lead.length + bytes.length <= LEAD_BYTES_MAX) this.#lead.push(...bytes);
    else this.#lead = undefined;
  }

  #readSign(tape: Tape): void {
    const byte = tape.input[tape.at++] ?? 0;
    tape.output[tape.filled++] = byte;
    if (!(this.#place <= LIST_CLOSE && isSpace(byte))) this.#place = this.#after(byte);
  }

  /** @returns the next place; {@link VALUE} when the key's colon was read */
  #after(byte: number): number {
    switch (this.#place) {
      case NOTHING:
        if (byte === BRACKET_OPEN) return LIST_OPEN;
        break;
      case LIST_OPEN:
      case ROW_COMMA:
        if (byte === BRACKET_CLOSE && this.#place === LIST_OPEN) return LIST_CLOSE;
        if (byte !== BRACE_OPEN) break;
        this.column = -1;
        return ROW_OPEN;
      case ROW_OPEN:
      case VALUE_COMMA:
        if (byte !== QUOTE) break;
        this.column += 1;
        if (this.column >= this.#columns) throw damaged('a row has too many values');
        return KEY_OPEN;
      case KEY_CLOSE:
        if (byte === COLON) return VALUE;
        break;
      case VALUE:
        if (byte === COMMA) return VALUE_COMMA;
        if (byte !== BRACE_CLOSE) break;
        if (this.column + 1 < this.#columns) throw damaged('a row has too few values');
        return ROW_CLOSE;
      case ROW_CLOSE:
        if (byte === COMMA) return ROW_COMMA;
        if (byte === BRACKET_CLOSE) return LIST_CLOSE;
        break;
    }
    throw damaged('it is no list of rows');
  }
}
