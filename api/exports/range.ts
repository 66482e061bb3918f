/** Bytes `[from, from + length)` of a file. */
export interface ByteRange {
  readonly from: number;
  readonly length: number;
}

/**
 * Reads a `Range` header against a file of so many bytes. Several ranges, other units and what is not well formed are
 * passed over, as RFC 9110 section 14.2 allows: the whole file is the answer.
 *
 * @param size of the file, a count of bytes
 * @returns `undefined`: send the whole file; `unsatisfiable`: 416
 */
export function parseRange(header: string | undefined, size: number): ByteRange | 'unsatisfiable' | undefined {
  const match = /^\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*$/i.exec(header ?? '');
  if (!match) return undefined;
  const [, first = '', last = ''] = match;
  if (first === '') {
    if (last === '') return undefined;
    const length = Math.min(Number(last), size);
    return length === 0 ? 'unsatisfiable' : { from: size - length, length };
  }
  const from = Number(first);
  if (last !== '' && Number(last) < from) return undefined;
  if (from >= size) return 'unsatisfiable';
  const to = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  return { from, length: to - from + 1 };
}
