import type { DuckDBConnection, DuckDBPreparedStatement } from '@duckdb/node-api';
import type { Dataset } from '../../config/dataset.ts';
import { WaybillError } from '../../contracts/failures.ts';
import type { Instant } from '../../contracts/instant.ts';
import type { CsvOptions, FileFormat, FileOrder } from '../../contracts/order.ts';
import type { PartSlice } from '../../contracts/plan.ts';
import { Bindings } from './bindings.ts';
import { formatColumn } from './column-format.ts';
import { rowFilter } from './row-filter.ts';
import { describeSource, type SourceColumn } from './source.ts';
import { identifier, literal } from './sql-text.ts';

/** @returns the order's columns in the order's order. @throws WaybillError `unknown_column` */
export function orderedColumns<Item>(
  order: Pick<FileOrder, 'columns'>,
  columns: readonly Item[],
  nameOf: (item: Item) => string,
): readonly Item[] {
  if (order.columns === null) return columns;
  const byName = new Map(columns.map((item) => [nameOf(item), item]));
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

/** @returns SQL of the columns, formatted, each under its name. */
export function formattedColumns(columns: readonly SourceColumn[], format: FileFormat, formulaGuard: boolean): string {
  return columns
    .map(
      ({ column, sql, type }) =>
        `${formatColumn(sql, column.type, type, format, formulaGuard)} AS ${identifier(column.name)}`,
    )
    .join(', ');
}

/** Prepares and binds the COPY of one part. Header and byte order mark are not DuckDB's to write. */
export async function preparePart(
  connection: DuckDBConnection,
  dataset: Dataset,
  order: FileOrder,
  cut: { readonly slice: PartSlice; readonly snapshotAt: Instant },
  path: string,
): Promise<DuckDBPreparedStatement> {
  const source = await describeSource(connection, dataset, order.parameters);
  const columns = orderedColumns(order, source.columns, ({ column }) => column.name);
  const bindings = new Bindings(dataset, order.parameters);
  const query =
    `SELECT ${formattedColumns(columns, order.format, order.csv.formulaGuard)} FROM ${source.fromSql} ` +
    `WHERE ${rowFilter(source, order, cut, bindings)}`;
  const options = order.format === 'csv' ? csvFormat(order.csv) : `FORMAT json, ARRAY ${order.format === 'json'}`;
  const statement = await connection.prepare(`COPY (${query}) TO ${literal(path)} (${options}, USE_TMP_FILE false)`);
  bindings.bindTo(statement);
  return statement;
}

function csvFormat(csv: CsvOptions): string {
  return `FORMAT csv, HEADER false, DELIMITER ${literal(csv.delimiter)}, NULLSTR ${literal(csv.nullText)}, QUOTE '"', ESCAPE '"'`;
}
