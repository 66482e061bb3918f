import { WaybillError } from '../contracts/failures.ts';
import { LETTER_N } from './bytes.ts';

/** Where a transform reads and writes. Whoever moves on does so from `at` and `filled`, and leaves them behind itself. */
export interface Tape {
  readonly input: Uint8Array;
  /** Place of the next byte to read. */
  at: number;
  /** Where reading ends for now: the rest of a value may be on the next tape. */
  readonly end: number;
  /** Long enough for all that the input can become. */
  readonly output: Uint8Array;
  /** A count of bytes written. */
  filled: number;
}

/** @returns the new count of bytes written */
export function writeNull(output: Uint8Array, filled: number): number {
  output[filled] = LETTER_N;
  output[filled + 1] = 0x75;
  output[filled + 2] = 0x6c;
  output[filled + 3] = 0x6c;
  return filled + 4;
}

/** @param what where the document stops being what DuckDB writes; nothing of its content */
export function damaged(what: string): WaybillError {
  return new WaybillError('object_damaged', `The stored JSON file is not what was written: ${what}.`);
}
