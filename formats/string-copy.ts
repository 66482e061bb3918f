import { BACKSLASH, LETTER_U, QUOTE, SPACE } from './bytes.ts';
import { hexValue, isEscape } from './escapes.ts';
import { damaged, type Tape } from './tape.ts';

/** Copies JSON strings byte for byte, any of which may begin on one tape and end on another. */
export class StringCopy {
  /** After a backslash: digits of `\uXXXX` still to come, -1 when the letter is. */
  #wanted = 0;

  /**
   * To be called after the opening quote.
   *
   * @returns whether the closing quote was copied
   * @throws WaybillError `object_damaged` for what no JSON string holds
   */
  read(tape: Tape): boolean {
    const { input, output, end } = tape;
    let { at, filled } = tape;
    let byte = 0;
    while (at < end) {
      byte = input[at++] ?? 0;
      output[filled++] = byte;
      if (this.#wanted !== 0) this.#readEscape(byte);
      else if (byte > BACKSLASH) continue;
      else if (byte === QUOTE) break;
      else if (byte === BACKSLASH) this.#wanted = -1;
      else if (byte < SPACE) throw damaged('a text holds a control character');
      byte = 0;
    }
    tape.at = at;
    tape.filled = filled;
    return byte === QUOTE;
  }

  #readEscape(byte: number): void {
    if (this.#wanted > 0) {
      hexValue(byte);
      this.#wanted -= 1;
      return;
    }
    if (!isEscape(byte)) throw damaged('an escape is none');
    this.#wanted = byte === LETTER_U ? 4 : 0;
  }
}
