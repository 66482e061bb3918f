import { DuckDBDecimalType, DuckDBTypeId } from '@duckdb/node-api';
import { WaybillError } from '../../contracts/failures.ts';
import { Bindings } from './bindings.ts';
import { orderedColumns } from './part-query.ts';
import type { SourceColumn } from './row-format.ts';
import type { Reading } from './row-sum.ts';
import { rowsSql } from './rows.ts';
import { literal } from './sql-text.ts';

/**
 * Refuses rows with a `numeric` that is NaN or infinite: DuckDB's extension for PostgreSQL reads them as 0.
 *
 * The comparison is sent to PostgreSQL, where NaN and Infinity are greater than every number and -Infinity is less; of
 * `double precision`, the same values arrive as they are. Values that the SQL computes are not covered, because PostgreSQL
 * does not see them.
 *
 * @throws WaybillError `dataset_broken` naming the columns
 */
export async function refuseUnreadNumbers(read: Reading): Promise<void> {
  const { connection, dataset, order, source, snapshotAt, slice } = read;
  if (!source.numeric.read) return;
  const columns = orderedColumns(order, source.columns, ({ column }) => column.name);
  const bindings = new Bindings(dataset, order.parameters);
  const queries = columns.flatMap((column) =>
    conditions(column, source.numeric.wide).map((condition) => {
      const rows = rowsSql(source, order, { snapshotAt, slice }, bindings);
      return `SELECT ${literal(column.column.name)}, count(*) FROM (SELECT ${column.sql} AS v ${rows}) WHERE ${condition}`;
    }),
  );
  if (queries.length === 0) return;
  const statement = await connection.prepare(queries.join(' UNION ALL '));
  try {
    bindings.bindTo(statement);
    const found = (await statement.runAndReadAll()).getRows().filter(([, count]) => count !== 0n);
    if (found.length === 0) return;
    const names = [...new Set(found.map(([name]) => String(name)))];
    throw new WaybillError(
      'dataset_broken',
      `Dataset ${dataset.name}: ${names.join(', ')}: PostgreSQL holds NaN or infinity in a numeric, which would be exported as 0. Contact the operator, who can select it as NULL or as text in a PostgreSQL view.`,
    );
  } finally {
    statement.destroySync();
  }
}

/**
 * @param wide whether a `numeric` may arrive as DOUBLE
 * @returns conditions on a column `v` that hold for values that arrive as another; none for types without such values
 */
function conditions({ type }: SourceColumn, wide: boolean): readonly string[] {
  // A numeric with a precision cannot be infinite. Source: PostgreSQL, Numeric Types.
  if (type instanceof DuckDBDecimalType) return [`v > ${largest(type)}`];
  if (type.typeId !== DuckDBTypeId.DOUBLE || !wide) return [];
  return [`v > ${DOUBLE_MAX} AND isfinite(v)`, `v < -${DOUBLE_MAX} AND isfinite(v)`];
}

const DOUBLE_MAX = `${String(Number.MAX_VALUE)}::DOUBLE`;

function largest({ width, scale }: DuckDBDecimalType): string {
  return `CAST('${'9'.repeat(width - scale)}.${'9'.repeat(scale)}' AS DECIMAL(${width}, ${scale}))`;
}
