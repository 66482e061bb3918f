import type { Chunk, Table } from './table.ts';

/** A table on its way into one file of a statistics package. All but the bytes is known before the first of them is written. */
export interface Encoded {
  /** Names in the file, by position of the table's variables. */
  readonly names: readonly string[];
  /** Sentences on what the file holds otherwise than the table does, for the readers of its readme. */
  readonly notes: readonly string[];
  /**
   * The file. A chunk is valid only until the next one is requested.
   *
   * Throws WaybillError `not_representable` for a value that the format cannot hold, and Error if the chunks are not those that the
   * table describes.
   */
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** @throws WaybillError `not_representable` for a table that the format cannot hold */
export type Encode = (table: Table, chunks: AsyncIterable<Chunk>) => Encoded;
