import type { Dataset } from '../../config/dataset.ts';
import type { Instant } from '../../contracts/instant.ts';
import type { FileOrder } from '../../contracts/order.ts';
import type { PartSlice, Plan, RowSum } from '../../contracts/plan.ts';

/** A stream of one part's content, formatted by the warehouse itself. */
export interface PartContent {
  /**
   * The content, in order. A chunk is valid only until the next one is asked for. Ending the iteration early stops
   * the query. Errors of the query surface here, before the end of the stream.
   */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Of the rows in the content, known when `chunks` has ended without error; rejects when it has not. */
  readonly sum: Promise<RowSum>;
}

/**
 * The operator's warehouse, read-only and locked down. Every query is filtered by tenant here, server-side, whatever
 * the caller passes.
 *
 * Errors: `WaybillError` with `warehouse_unavailable` (a retry may help), `dataset_broken` (the catalog and the
 * warehouse disagree), `warehouse_misconfigured`, `memory_exhausted` or `disk_full` (a retry may help). Messages never hold SQL, hosts, paths or rows; `cause` may.
 */
export interface Warehouse {
  /**
   * Fixes what an export will read: the snapshot time, the columns, the parts with their exact sums.
   *
   * @param partRows a count of rows from which an order is split. One that is sealed, or whose format cannot be
   *   concatenated, has one part.
   */
  plan(dataset: Dataset, order: FileOrder, partRows: number, signal: AbortSignal): Promise<Plan>;

  /**
   * Plans several orders as one: all sums are of one transaction, and all plans have the same snapshot time. Each has
   * one part.
   *
   * @returns the plans in the order of the orders
   */
  planTogether(
    orders: readonly { readonly dataset: Dataset; readonly order: FileOrder }[],
    signal: AbortSignal,
  ): Promise<readonly Plan[]>;

  /**
   * Formats one part: CSV (header, and BOM where asked, only when `first`), JSONL, or a whole file of another format.
   * Aborting the signal stops the query within a second and rejects.
   */
  read(
    dataset: Dataset,
    order: FileOrder,
    part: { readonly slice: PartSlice; readonly first: boolean; readonly snapshotAt: Instant },
    signal: AbortSignal,
  ): PartContent;

  /** Runs one row's worth of each dataset, so that a catalog that does not fit is refused at start-up. */
  check(datasets: readonly Dataset[]): Promise<void>;

  /** Stops every running query and releases the warehouse. */
  close(): Promise<void>;
}
