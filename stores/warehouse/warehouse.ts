import type { Dataset } from '../../config/dataset.ts';
import type { Instant } from '../../contracts/instant.ts';
import type { FileOrder } from '../../contracts/order.ts';
import type { PartSlice, Plan, RowSum } from '../../contracts/plan.ts';

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

/**
 * The operator's warehouse, read-only and locked down. Every query is filtered by tenant here, whatever the caller
 * passes.
 *
 * Errors: `WaybillError` with `warehouse_unavailable` (a retry may help), `dataset_broken` (the catalog and the
 * warehouse disagree), `warehouse_misconfigured`, `memory_exhausted` or `disk_full` (a retry may help). Messages never
 * contain SQL, hosts, paths or rows; `cause` may.
 */
export interface Warehouse {
  /**
   * Fixes what an export will read: the snapshot time, the columns, the parts with their exact sums.
   *
   * @param partRows number of rows from which an order is split. A sealed order, or one whose format cannot be
   *   concatenated, has one part.
   */
  plan(dataset: Dataset, order: FileOrder, partRows: number, signal: AbortSignal): Promise<Plan>;

  /**
   * Plans several orders in one transaction, so all plans share one snapshot time. Each has one part.
   *
   * @returns the plans, in the order of `orders`
   */
  planTogether(
    orders: readonly { readonly dataset: Dataset; readonly order: FileOrder }[],
    signal: AbortSignal,
  ): Promise<readonly Plan[]>;

  /**
   * Formats one part: CSV (header and BOM, if requested, only when `first`), JSONL, or a whole file of another format.
   * Aborting the signal stops the query within a second and rejects.
   */
  read(
    dataset: Dataset,
    order: FileOrder,
    part: { readonly slice: PartSlice; readonly first: boolean; readonly snapshotAt: Instant },
    signal: AbortSignal,
  ): PartContent;

  /** Reads one row of each dataset, so that a catalog that does not match is refused at start-up. */
  check(datasets: readonly Dataset[]): Promise<void>;

  /** Stops every running query and releases the warehouse. */
  close(): Promise<void>;
}
