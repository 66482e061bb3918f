import type { Dataset } from '../../config/dataset.ts';
import type { Instant } from '../../contracts/instant.ts';
import type { FileOrder } from '../../contracts/order.ts';
import type { PartSlice, Plan, RowSum } from '../../contracts/plan.ts';
import type { Preview } from '../../contracts/preview.ts';
import type { Chunk, Table } from '../../formats/table.ts';
import type { Memory } from './memory.ts';

/** The content of one part, formatted by DuckDB. */
export interface PartContent {
  /**
   * The content, in order. A chunk is valid only until the next one is requested. Ending the iteration early
   * stops the query. Errors of the query are thrown here, before the end of the stream.
   */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Sum of the content's rows; resolves after `chunks` has ended without error, otherwise rejects. */
  readonly sum: Promise<RowSum>;
}

/** The rows of one part by column, for formats that DuckDB does not write. */
export interface VectorContent extends AsyncDisposable {
  /** Measured in the transaction in which the rows are then read. Rejects with errors of the query. */
  readonly table: Promise<DescribedTable>;
  /**
   * The rows. A chunk is valid only until the next one is requested. Ending the iteration early stops the query. Errors of the
   * query are thrown here, before the end; `source_changed` if there are not as many rows as the table has.
   */
  readonly chunks: AsyncIterable<Chunk>;
  /** As of {@link PartContent}. */
  readonly sum: Promise<RowSum>;
  /** Stops the query if it has not ended, and waits for its end. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface DescribedTable extends Table {
  /** Sentences on what the table holds otherwise than the warehouse does, for the readers of a readme. */
  readonly notes: readonly string[];
}

/**
 * The operator's warehouse, read-only and locked down. Every query is filtered by tenant here, whatever the caller
 * passes.
 *
 * Errors: `WaybillError` with `warehouse_unavailable` (a retry may help), `dataset_broken` (the catalog and the
 * warehouse disagree), `warehouse_misconfigured`, `memory_exhausted` or `disk_full` (a retry may help). Messages never
 * contain SQL, hosts, paths or rows; `cause` may name hosts, paths and columns.
 */
export interface Warehouse {
  /** Queries that describe and count take more of it by themselves if they run out; reading a part does not. */
  readonly memory: Memory;

  /**
   * Fixes what each file will contain: columns, parts and their exact sums, all read in one transaction at one snapshot time.
   *
   * @param partRows number of rows from which a file is split. A sealed file, or one whose format cannot be concatenated,
   *   has one part.
   * @returns the plans, in the order of `files`
   */
  plan(
    files: readonly { readonly dataset: Dataset; readonly order: FileOrder }[],
    partRows: number,
    signal: AbortSignal,
  ): Promise<readonly Plan[]>;

  /**
   * Formats one part: CSV (header and BOM, if requested, only when `first`), JSONL, or a whole file of another format.
   * Aborting the signal stops the query within a second and rejects.
   */
  read(
    dataset: Dataset,
    order: FileOrder,
    part: {
      readonly slice: PartSlice;
      readonly first: boolean;
      readonly snapshotAt: Instant;
      /** As planned. */
      readonly wideBytes?: number | undefined;
      /** Of rows `gone`: the Parquet file of the keys that there were. */
      readonly before?: AsyncIterable<Uint8Array>;
    },
    signal: AbortSignal,
  ): PartContent;

  /**
   * Describes and reads one part by column. It begins at once, and holds a connection until the chunks have been read or it is
   * disposed of: `await using content = warehouse.vectors(…)`.
   */
  vectors(
    dataset: Dataset,
    order: FileOrder,
    part: { readonly slice: PartSlice; readonly snapshotAt: Instant },
    signal: AbortSignal,
  ): VectorContent;

  /** Counts the rows of an order, and reads the first ones as texts. Aborting the signal stops the query within a second. */
  preview(dataset: Dataset, order: FileOrder, signal: AbortSignal): Promise<Preview>;

  /** Reads one row of each dataset, so that a catalog that does not match is refused at start-up. */
  check(datasets: readonly Dataset[]): Promise<void>;

  /** Stops every running query and releases the warehouse. */
  close(): Promise<void>;
}
