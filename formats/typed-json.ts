import type { ManifestColumn } from '../contracts/manifest.ts';
import { JsonDocument } from './json-document.ts';

/** Bytes that leave at once, at the most. */
const OUTPUT_BYTES = 1024 * 1024;

/**
 * Bytes of input between two looks at the room left. They become fewer bytes, but for `nan` within JSON: a third more at
 * the most, and twice as much is always left.
 */
const STRIDE_BYTES = 128 * 1024;

/**
 * Gives the values of a stored JSON file, all texts or null, the types that the catalog says: integers, decimals and
 * doubles become numbers with the very digits of the text, booleans `true` and `false`, `json` the value itself. All
 * other values keep their bytes. What JSON has no number for becomes null.
 *
 * Memory does not depend on the file. A yielded chunk is valid only until the next one is asked for.
 *
 * @param source the file as DuckDB writes it: `COPY … (FORMAT json, ARRAY true)` of VARCHAR columns
 * @param columns of the file, in its order: the nth value of each object belongs to the nth
 * @throws WaybillError `object_damaged` for a file that was cut short or is none of these columns
 */
export async function* typedJson(
  source: AsyncIterable<Uint8Array>,
  columns: readonly Pick<ManifestColumn, 'type'>[],
): AsyncGenerator<Uint8Array> {
  const document = new JsonDocument(columns.map(({ type }) => type));
  const output = new Uint8Array(OUTPUT_BYTES);
  let filled = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; ) {
      const end = Math.min(chunk.length, at + STRIDE_BYTES);
      const tape = { input: chunk, at, end, output, filled };
      document.read(tape);
      at = end;
      filled = tape.filled;
      if (OUTPUT_BYTES - filled >= 2 * STRIDE_BYTES) continue;
      yield output.subarray(0, filled);
      filled = 0;
    }
  }
  document.end();
  if (filled > 0) yield output.subarray(0, filled);
}
