/** A table as statistics packages see it: described variables, then rows, on the way from DuckDB's vectors into one file. */
export interface Table {
  /** Of the dataset. */
  readonly title: string;
  /** Written into the file's header, so that a retry makes the same bytes. */
  readonly createdAt: Date;
  /** Exact number of rows that {@link Chunk}s bring. */
  readonly rows: number;
  readonly variables: readonly Variable[];
  /** Sentences on what the table holds otherwise than its source does. @default there are none */
  readonly notes?: readonly string[];
}

export interface Variable {
  /** As in the warehouse; each format makes a valid and unique name of it. */
  readonly name: string;
  /** What the variable means; `''`: nothing is known. */
  readonly label: string;
  readonly type: VariableType;
  /** Meaning of coded values. Variables with the same labels may share one set. */
  readonly valueLabels: readonly ValueLabel[];
  /** Values that stand for a missing answer, with what they mean. Other than these, an absent value is system-missing. */
  readonly missing: readonly ValueLabel[];
}

export interface ValueLabel {
  readonly value: number | string;
  readonly label: string;
}

export type VariableType =
  /**
   * `bytes`: of the longest value in UTF-8. `total`: of all values that are not empty, for formats that place long texts
   * elsewhere than the rows; known wherever texts of any length may occur. `blankEnded`: a count of values that end with a blank,
   * for formats that pad with blanks.
   */
  | {
      readonly kind: 'text';
      readonly bytes: number;
      readonly total?: { readonly values: number; readonly bytes: number };
      /** @default 0 */
      readonly blankEnded?: number;
    }
  /** Whole numbers in `[min, max]`, not counting those of `missing`; a double holds all of them exactly. */
  | { readonly kind: 'integer'; readonly min: number; readonly max: number }
  /** `decimals`: digits after the point that are worth showing; `null`: as many as it takes. */
  | { readonly kind: 'number'; readonly decimals: number | null }
  /** 0 or 1. */
  | { readonly kind: 'boolean' }
  /** Days since 1970-01-01. */
  | { readonly kind: 'date'; readonly range?: Range }
  /** Seconds since 1970-01-01T00:00:00, fractions included, as a clock in the order's time zone shows it. */
  | { readonly kind: 'timestamp'; readonly range?: Range }
  /** Seconds since midnight, fractions included; 86,400 is 24:00:00. */
  | { readonly kind: 'time'; readonly range?: Range };

/** The least and the greatest value, not counting those of `missing`. Absent: there is no value. */
export type Range = readonly [least: number, greatest: number];

/** Rows by column, in the order of the variables. Valid only until the next chunk is requested. */
export interface Chunk {
  readonly rows: number;
  readonly columns: readonly ColumnChunk[];
}

/** Numbers, where NaN is a missing value; or texts as UTF-8, where a missing one is empty. */
export type ColumnChunk = Float64Array | TextChunk;

/** Value `i` is `bytes.subarray(ends[i - 1] ?? 0, ends[i])`. At least eight bytes follow the last value, whatever is in them. */
export interface TextChunk {
  readonly bytes: Uint8Array;
  readonly ends: Uint32Array;
}
