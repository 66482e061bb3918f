import {
  BACKSLASH,
  BRACE_CLOSE,
  BRACE_OPEN,
  BRACKET_CLOSE,
  BRACKET_OPEN,
  COLON,
  COMMA,
  isSpace,
  MINUS,
  QUOTE,
  SPACE,
} from './bytes.ts';
import { Escapes } from './escapes.ts';
import { damaged, type Tape, writeNull } from './tape.ts';

/** Characters of the longest word, `-Infinity`. */
const WORD_MAX = 9;
const WORDS: ReadonlySet<string> = new Set(['true', 'false', 'null']);
/** DuckDB takes and writes them in any case; JSON has no such numbers. */
const NOT_FINITE = /^-?(?:nan|inf|infinity)$/i;

const BETWEEN = 0;
const IN_STRING = 1;
const AFTER_BACKSLASH = 2;
const IN_NUMBER = 3;
const AFTER_MINUS = 4;
const IN_WORD = 5;

/**
 * Turns the body of a JSON string that holds JSON text into that JSON. What DuckDB takes for JSON beyond RFC 8259 is
 * put right: NaN and infinities become null, a comma behind the last item goes. So does white space between values, and
 * with it every line end: each row stays one line. All else keeps its bytes.
 */
export class JsonValue {
  readonly #escapes = new Escapes();
  #place = BETWEEN;
  #depth = 0;
  #comma = false;
  #empty = true;
  #word = '';

  /** To be called after the opening quote. */
  begin(): void {
    this.#place = BETWEEN;
    this.#depth = 0;
    this.#comma = false;
    this.#empty = true;
  }

  /**
   * @returns whether the closing quote was read
   * @throws WaybillError `object_damaged` for what cannot be JSON; what is in the wrong order passes
   */
  read(tape: Tape): boolean {
    const { input, end } = tape;
    while (tape.at < end) {
      if (this.#place === IN_STRING && !this.#escapes.open) this.#copyString(tape);
      if (tape.at === end) return false;
      const byte = input[tape.at++] ?? 0;
      if (this.#escapes.open) {
        const point = this.#escapes.read(byte);
        if (point >= 0) this.#putPoint(tape, point);
      } else if (byte === BACKSLASH) {
        this.#escapes.begin();
      } else {
        this.#escapes.settle();
        if (byte === QUOTE) {
          this.#finish(tape);
          return true;
        }
        this.#put(tape, byte);
      }
    }
    return false;
  }

  /** The bytes of an inner string up to the next backslash: its end and its escapes all begin with one out here. */
  #copyString(tape: Tape): void {
    const { input, output, end } = tape;
    let { at, filled } = tape;
    while (at < end) {
      const byte = input[at] ?? 0;
      if (byte === BACKSLASH || byte === QUOTE || byte < SPACE) break;
      output[filled++] = byte;
      at += 1;
    }
    if (at > tape.at) this.#escapes.settle();
    tape.at = at;
    tape.filled = filled;
  }

  #putPoint(tape: Tape, point: number): void {
    if (point < 0x80) {
      this.#put(tape, point);
      return;
    }
    if (point < 0x800) {
      this.#put(tape, 0xc0 | (point >> 6));
    } else {
      if (point < 0x10000) {
        this.#put(tape, 0xe0 | (point >> 12));
      } else {
        this.#put(tape, 0xf0 | (point >> 18));
        this.#put(tape, 0x80 | ((point >> 12) & 0x3f));
      }
      this.#put(tape, 0x80 | ((point >> 6) & 0x3f));
    }
    this.#put(tape, 0x80 | (point & 0x3f));
  }

  #put(tape: Tape, byte: number): void {
    switch (this.#place) {
      case IN_STRING:
        if (byte < SPACE) throw damaged('a string in JSON holds a control character');
        write(tape, byte);
        if (byte === QUOTE) this.#place = BETWEEN;
        else if (byte === BACKSLASH) this.#place = AFTER_BACKSLASH;
        return;
      case AFTER_BACKSLASH:
        write(tape, byte);
        this.#place = IN_STRING;
        return;
      case AFTER_MINUS:
        if (isLetter(byte)) {
          this.#word = `-${String.fromCharCode(byte)}`;
          this.#place = IN_WORD;
          return;
        }
        if (!isDigit(byte)) throw damaged('a value is not JSON');
        write(tape, MINUS);
        write(tape, byte);
        this.#place = IN_NUMBER;
        return;
      case IN_NUMBER:
        if (isNumberByte(byte)) {
          write(tape, byte);
          return;
        }
        this.#place = BETWEEN;
        this.#putBetween(tape, byte);
        return;
      case IN_WORD:
        if (isLetter(byte) && this.#word.length < WORD_MAX) {
          this.#word += String.fromCharCode(byte);
          return;
        }
        this.#putWord(tape);
        this.#putBetween(tape, byte);
        return;
      default:
        this.#putBetween(tape, byte);
    }
  }

  #putBetween(tape: Tape, byte: number): void {
    if (isSpace(byte)) return;
    if (byte === BRACE_CLOSE || byte === BRACKET_CLOSE) {
      this.#comma = false;
      this.#depth -= 1;
      if (this.#depth < 0) throw damaged('JSON ends before it begins');
      write(tape, byte);
      return;
    }
    if (this.#comma) write(tape, COMMA);
    this.#comma = byte === COMMA;
    if (byte === COMMA) return;
    if (byte === COLON) {
      write(tape, byte);
      return;
    }
    this.#empty = false;
    this.#putFirst(tape, byte);
  }

  #putFirst(tape: Tape, byte: number): void {
    if (isLetter(byte)) {
      this.#word = String.fromCharCode(byte);
      this.#place = IN_WORD;
      return;
    }
    if (byte === MINUS) {
      this.#place = AFTER_MINUS;
      return;
    }
    if (isDigit(byte)) this.#place = IN_NUMBER;
    else if (byte === QUOTE) this.#place = IN_STRING;
    else if (byte === BRACE_OPEN || byte === BRACKET_OPEN) this.#depth += 1;
    else throw damaged('a value is not JSON');
    write(tape, byte);
  }

  #putWord(tape: Tape): void {
    this.#place = BETWEEN;
    if (NOT_FINITE.test(this.#word)) {
      tape.filled = writeNull(tape.output, tape.filled);
      return;
    }
    if (!WORDS.has(this.#word)) throw damaged('a value is not JSON');
    for (let at = 0; at < this.#word.length; at += 1) write(tape, this.#word.charCodeAt(at));
  }

  #finish(tape: Tape): void {
    if (this.#place === IN_WORD) this.#putWord(tape);
    const whole = (this.#place === BETWEEN || this.#place === IN_NUMBER) && this.#depth === 0;
    if (!whole || this.#comma || this.#empty) throw damaged('a value is not JSON');
  }
}

function write(tape: Tape, byte: number): void {
  tape.output[tape.filled++] = byte;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function isLetter(byte: number): boolean {
  return (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a;
}

/** Digits, `+`, `-`, `.`, `e` and `E`. */
function isNumberByte(byte: number): boolean {
  return isDigit(byte) || byte === 0x2b || byte === MINUS || byte === 0x2e || (byte | 0x20) === 0x65;
}
