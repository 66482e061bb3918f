import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Variable } from '../../formats/table.ts';

/** Rows that DuckDB hands on at once, and allocates a vector for, however few it has. Source: DuckDB, `STANDARD_VECTOR_SIZE`. */
export const VECTOR_ROWS = 2048;
/** Bytes of a value in a vector: a DOUBLE, or a `duckdb_string_t`. */
const BYTES_OF = { number: 8, text: 16 };

/** Bytes of chunks that are left for the garbage collector. */
const UNCOLLECTED_MAX = 16 * 1024 * 1024;

/** Exposed by no flag at start, so that a worker can be started in any way. */
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as (options: { readonly type: 'minor' }) => void;

/**
 * Frees the memory of chunks that have been read. It belongs to objects that V8 takes for a few bytes each, so that by itself it would
 * let some hundred megabytes of them wait. To collect the young ones takes about a millisecond, and reading is faster for it: the next
 * chunks are put where the last ones were.
 *
 * @returns to be called for each chunk that is no longer used
 */
export function createChunkMemory(variables: readonly Pick<Variable, 'type'>[]): () => void {
  const bytes = variables.reduce(
    (sum, { type }) => sum + VECTOR_ROWS * BYTES_OF[type.kind === 'text' ? 'text' : 'number'],
    0,
  );
  let uncollected = 0;
  return () => {
    uncollected += bytes;
    if (uncollected < UNCOLLECTED_MAX) return;
    uncollected = 0;
    collect({ type: 'minor' });
  };
}
