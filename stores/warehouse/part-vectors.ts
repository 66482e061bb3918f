import type { DuckDBPreparedStatement } from '@duckdb/node-api';
import { Bindings } from './bindings.ts';
import { type Reading, selectRows } from './row-sum.ts';
import { rowsSql } from './rows.ts';
import { orderedColumns } from './source-column.ts';
import type { Tally } from './tally.ts';
import { type DescribedColumn, labelNotes, labelsOf, variableColumn } from './variables.ts';
import type { DescribedTable } from './warehouse.ts';

/** A part's rows as a table, and how its columns are read. */
export interface MeasuredPart {
  readonly table: DescribedTable;
  readonly columns: readonly DescribedColumn[];
}

/** Describes an order's columns as variables. One query over the rows tells what their types do not, such as widths of texts. */
export async function measurePart(reading: Reading): Promise<MeasuredPart> {
  const { dataset, order, source, snapshotAt } = reading;
  const described = orderedColumns(order, dataset.columns, (column) => column);
  const sources = orderedColumns(order, source.columns, ({ column }) => column);
  const variables = described.flatMap((column, at) => {
    const found = sources[at];
    return found ? [{ column, ...variableColumn(found, column, order.timeZone ?? null) }] : [];
  });
  const aggregates = ['count(*)', ...variables.flatMap((one) => one.aggregates)];
  const [[rows = 0, ...measured] = []] = await selectRows(reading, () => ({ columns: aggregates.join(', ') }));
  let taken = 0;
  const columns = variables.map(({ column, aggregates: own, describe }) => {
    taken += own.length;
    return { column, ...describe(measured.slice(taken - own.length, taken)) };
  });
  return {
    columns,
    table: {
      title: dataset.title,
      createdAt: new Date(snapshotAt),
      rows: Number(rows),
      notes: columns.flatMap(({ column, type, note }) => [
        ...(note === undefined ? [] : [note]),
        ...labelNotes(column, type),
      ]),
      variables: columns.map(({ column, type }) => ({
        name: column.name,
        label: column.label ?? '',
        type,
        valueLabels: labelsOf(column.valueLabels ?? {}, type),
        missing: labelsOf(column.missing ?? {}, type),
      })),
    },
  };
}

/**
 * Prepares and binds the SELECT of a measured part.
 *
 * @param tally sums the rows, if present
 */
export async function prepareVectors(
  { connection, dataset, order, source, snapshotAt, slice }: Reading,
  columns: readonly DescribedColumn[],
  tally: Tally | undefined,
): Promise<DuckDBPreparedStatement> {
  const bindings = new Bindings(dataset, order.parameters);
  const items = columns.map(({ sql }, at) => (tally && at === 0 ? tally.through(sql) : sql));
  const rows = rowsSql(source, order, { snapshotAt, slice }, bindings);
  const statement = await connection.prepare(`SELECT ${items.join(', ')} ${rows}`);
  bindings.bindTo(statement);
  return statement;
}
