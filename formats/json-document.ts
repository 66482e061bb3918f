import { LETTER_N, MINUS, SPACE, ZERO } from './bytes.ts';
import { JsonFrame } from './json-frame.ts';
import { JsonValue } from './json-value.ts';
import {
  AFTER_MINUS,
  AFTER_ZERO,
  BOOLEAN,
  DOUBLE,
  DROP,
  ENDINGS,
  EXACT,
  INCOMPLETE,
  KEEP,
  NULL,
  STATE_BITS,
  STEPS,
} from './scalar-steps.ts';
import { StringCopy } from './string-copy.ts';
import { damaged, type Tape, writeNull } from './tape.ts';

/** Not those of bytes.ts: the engine reads what is imported anew for every byte, which costs a tenth of the speed. */
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Places in the document. */
const AFTER_VALUE = 0;
const VALUE = 1;
const IN_TEXT = 2;
const IN_SCALAR = 3;
const IN_NULL = 4;
/** Between values: in keys, signs and white space. */
const IN_FRAME = 5;
/** In a text, from its first escape on. */
const IN_ESCAPED_TEXT = 6;
const IN_JSON = 7;

/** Kinds of columns; those of numbers and booleans are where their scalar starts. */
const TEXT = 0;
const JSON_VALUE = -1;

const NULL_REST = [0x75, 0x6c, 0x6c] as const;
const NO_LEAD = new Uint8Array();

/** Reads a stored JSON file of texts and writes it typed, however it is cut into tapes. */
export class JsonDocument {
  readonly #kinds: Int8Array;
  readonly #frame: JsonFrame;
  readonly #texts = new StringCopy();
  readonly #json = new JsonValue();
  #place = IN_FRAME;
  /** Of the scalar that is read; of `null`, a count of bytes read after the first. */
  #state = 0;

  /** @param types of the columns, in the catalog's words */
  constructor(types: readonly string[]) {
    this.#kinds = Int8Array.from(types, kindOf);
    this.#frame = new JsonFrame(types.length);
  }

  /** To be called behind the last tape. @throws WaybillError `object_damaged` when more should have come */
  end(): void {
    if (!(this.#place === IN_FRAME && this.#frame.complete)) throw damaged('it was cut short');
  }

  /**
   * Reads the whole tape. One loop over local variables, because a call for each value halves the speed; what is rare
   * has methods of its own.
   *
   * @throws WaybillError `object_damaged`
   */
  read(tape: Tape): void {
    const { input, output, end } = tape;
    const kinds = this.#kinds;
    const frame = this.#frame;
    const { leads } = frame;
    let { at, filled } = tape;
    let { column } = frame;
    let place = this.#place;
    let state = this.#state;
    while (at < end) {
      if (place === AFTER_VALUE) {
        const next = column + 1 === kinds.length ? 0 : column + 1;
        const lead = leads[next] ?? NO_LEAD;
        const { length } = lead;
        place = IN_FRAME;
        if (length > 0 && at + length < end) {
          let same = 0;
          for (; same < length; same += 1) {
            const byte = lead[same] ?? 0;
            if (byte !== input[at + same]) break;
            output[filled + same] = byte;
          }
          if (same === length) {
            at += length;
            filled += length;
            column = next;
            place = VALUE;
          }
        }
      }
      if (place === VALUE) {
        const byte = input[at++] ?? 0;
        if (byte === QUOTE) {
          const kind = kinds[column] ?? TEXT;
          if (kind === TEXT) {
            output[filled++] = byte;
            place = IN_TEXT;
          } else if (kind === JSON_VALUE) {
            this.#json.begin();
            place = IN_JSON;
          } else {
            state = kind;
            place = IN_SCALAR;
          }
        } else if (byte === LETTER_N) {
          output[filled++] = byte;
          state = 0;
          place = IN_NULL;
        } else {
          throw damaged('a value is neither a text nor null');
        }
      }
      if (place === IN_TEXT) {
        while (at < end) {
          const byte = input[at] ?? 0;
          if (byte === BACKSLASH) {
            place = IN_ESCAPED_TEXT;
            break;
          }
          output[filled++] = byte;
          at += 1;
          if (byte > QUOTE) continue;
          if (byte === QUOTE) {
            place = AFTER_VALUE;
            break;
          }
          if (byte < SPACE) throw damaged('a text holds a control character');
        }
      } else if (place === IN_SCALAR) {
        while (at < end) {
          const byte = input[at++] ?? 0;
          if (byte === QUOTE) {
            const ending = ENDINGS[state];
            if (ending === INCOMPLETE) throw damaged('a number or boolean is none');
            if (ending === NULL) filled = writeNull(output, filled);
            place = AFTER_VALUE;
            break;
          }
          const step = STEPS[(state << 8) | byte] ?? 0;
          if (step === 0) throw damaged('a number or boolean is none');
          state = step & STATE_BITS;
          const fate = step - state;
          if (fate !== KEEP) {
            if (fate === DROP) continue;
            if (fate !== AFTER_ZERO) output[filled++] = MINUS;
            if (fate !== AFTER_MINUS) output[filled++] = ZERO;
          }
          output[filled++] = byte;
        }
      } else if (place === IN_NULL) {
        for (; at < end && state < NULL_REST.length; state += 1) {
          const byte = input[at++] ?? 0;
          if (byte !== NULL_REST[state]) throw damaged('a value is neither a text nor null');
          output[filled++] = byte;
        }
        if (state === NULL_REST.length) place = AFTER_VALUE;
      } else if (place !== AFTER_VALUE) {
        tape.at = at;
        tape.filled = filled;
        frame.column = column;
        place = this.#readRest(tape, place);
        column = frame.column;
        at = tape.at;
        filled = tape.filled;
      }
    }
    tape.at = at;
    tape.filled = filled;
    frame.column = column;
    this.#place = place;
    this.#state = state;
  }

  /** @returns the next place */
  #readRest(tape: Tape, place: number): number {
    switch (place) {
      case IN_FRAME:
        return this.#frame.read(tape) ? VALUE : place;
      case IN_ESCAPED_TEXT:
        return this.#texts.read(tape) ? AFTER_VALUE : place;
      default:
        return this.#json.read(tape) ? AFTER_VALUE : place;
    }
  }
}

function kindOf(type: string): number {
  switch (type) {
    case 'integer':
    case 'decimal':
      return EXACT;
    case 'double':
      return DOUBLE;
    case 'boolean':
      return BOOLEAN;
    case 'json':
      return JSON_VALUE;
    default:
      return TEXT;
  }
}
