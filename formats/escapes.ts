import { LETTER_U } from './bytes.ts';
import { damaged } from './tape.ts';

/** What `\"`, `\\`, `\/`, `\b`, `\f`, `\n`, `\r` and `\t` stand for, by the byte after the backslash; 0 for others. */
const SHORT = createShort();
const HEX_DIGITS = 4;

/** Whether the byte may follow a backslash in a JSON string (RFC 8259, section 7). */
export function isEscape(letter: number): boolean {
  return letter === LETTER_U || SHORT[letter] !== 0;
}

/** @returns 0 to 15. @throws WaybillError `object_damaged` */
export function hexValue(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  if (letter >= 0x61 && letter <= 0x66) return letter - 0x61 + 10;
  throw damaged('an escape is none');
}

/** Reads escapes of a JSON string, any of which may begin on one tape and end on another. */
export class Escapes {
  /** After the backslash: digits of `\uXXXX` still to come, -1 when the letter is. */
  #wanted = 0;
  #unit = 0;
  /** The first half of a surrogate pair, or 0. */
  #high = 0;

  /** To be called when a backslash was read. */
  begin(): void {
    this.#wanted = -1;
  }

  /** Whether the next byte belongs to an escape. */
  get open(): boolean {
    return this.#wanted !== 0;
  }

  /** @throws WaybillError `object_damaged` when half a surrogate pair stands alone; to be called where no escape begins */
  settle(): void {
    if (this.#high !== 0) throw damaged('half a character is missing');
  }

  /**
   * @returns the character that the escape stands for as a code point, or -1 when more has to be read
   * @throws WaybillError `object_damaged` for what is no escape
   */
  read(byte: number): number {
    if (this.#wanted === -1) {
      if (byte === LETTER_U) {
        this.#wanted = HEX_DIGITS;
        this.#unit = 0;
        return -1;
      }
      const character = SHORT[byte] ?? 0;
      if (character === 0) throw damaged('an escape is none');
      this.settle();
      this.#wanted = 0;
      return character;
    }
    this.#unit = (this.#unit << 4) | hexValue(byte);
    this.#wanted -= 1;
    return this.#wanted === 0 ? this.#complete(this.#unit) : -1;
  }

  #complete(unit: number): number {
    const kind = unit & 0xfc00;
    if (kind === 0xdc00) {
      if (this.#high === 0) throw damaged('half a character is missing');
      const point = 0x10000 + ((this.#high & 0x3ff) << 10) + (unit & 0x3ff);
      this.#high = 0;
      return point;
    }
    this.settle();
    if (kind !== 0xd800) return unit;
    this.#high = unit;
    return -1;
  }
}

function createShort(): Uint8Array {
  const short = new Uint8Array(256);
  const meanings = { '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };
  for (const [letter, meaning] of Object.entries(meanings)) short[letter.charCodeAt(0)] = meaning.charCodeAt(0);
  return short;
}
