import type { DuckDBType } from '@duckdb/node-api';
import type { Column } from '../../config/dataset.ts';
import { WaybillError } from '../../contracts/failures.ts';
import type { FileOrder } from '../../contracts/order.ts';

/** A column of a dataset's SQL. */
export interface SourceColumn {
  readonly column: Pick<Column, 'name' | 'type' | 'header' | 'missing' | 'hidden'>;
  /** Quoted and qualified. */
  readonly sql: string;
  readonly type: DuckDBType;
}

/** @returns the order's columns in the order's order. @throws WaybillError `unknown_column` */
export function orderedColumns<Item>(
  order: Pick<FileOrder, 'columns'>,
  columns: readonly Item[],
  columnOf: (item: Item) => SourceColumn['column'],
): readonly Item[] {
  const written = columns.filter((item) => columnOf(item).hidden === undefined);
  if (order.columns === null) return written;
  const byName = new Map(written.map((item) => [columnOf(item).name, item]));
  return order.columns.map((name) => {
    const item = byName.get(name);
    if (item === undefined) {
      throw new WaybillError('unknown_column', `There is no column ${name}.`, {
        field: 'columns',
        allowed: [...byName.keys()],
      });
    }
    return item;
  });
}
