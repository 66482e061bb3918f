import { DuckDBDecimalType, DuckDBTypeId } from '@duckdb/node-api';
import { WaybillError } from '../../contracts/failures.ts';
import type { PostgresRelation } from './attached.ts';
import { Bindings } from './bindings.ts';
import { findHiddenNumbers, type HiddenNumbers } from './hidden-numbers.ts';
import { postgresLiteral } from './postgres-values.ts';
import type { Reading } from './row-sum.ts';
import { type PostgresQuery, type RowSource, rowsSql } from './rows.ts';
import { orderedColumns, type SourceColumn } from './source-column.ts';
import { identifier, literal } from './sql-text.ts';

/**
 * Refuses rows with a `numeric` that is NaN or infinite: DuckDB's extension for PostgreSQL reads them as 0.
 *
 * @throws WaybillError `dataset_broken` naming the columns
 */
export async function refuseUnreadNumbers(read: Reading): Promise<void> {
  const { dataset, source } = read;
  if (!source.numbers) return;
  const names = await findInColumns(read, source.numbers.relations);
  for (const hidden of await findHiddenNumbers(read)) names.push(...(await findHidden(read, hidden)));
  if (names.length === 0) return;
  throw new WaybillError(
    'dataset_broken',
    `Dataset ${dataset.name}: ${[...new Set(names)].join(', ')}: PostgreSQL holds NaN or infinity in a numeric, which would be exported as 0. Contact the operator, who can select it as NULL or as text in a PostgreSQL view.`,
  );
}

/**
 * Looks for them in the dataset's columns. The comparison is sent to PostgreSQL, where NaN and Infinity are greater than every
 * number and -Infinity is less; of `double precision`, the same values arrive as they are.
 */
async function findInColumns(read: Reading, relations: readonly PostgresRelation[]): Promise<string[]> {
  const { connection, dataset, order, source, snapshotAt, slice } = read;
  const columns = orderedColumns(order, source.columns, ({ column }) => column);
  const isWide = relations.some(({ hasWideNumeric }) => hasWideNumeric);
  const bindings = new Bindings(dataset, order.parameters);
  const rowsOf = (from: RowSource) => rowsSql(from, order, { snapshotAt, slice }, bindings);
  const queries = columns.flatMap((column) => {
    const name = literal(column.column.name);
    if (source.query) {
      const query = onlyNotFinite(source.query, column);
      return query ? [`SELECT ${name}, count(*) ${rowsOf({ ...source, query })}`] : [];
    }
    return conditions(column, isWide).map(
      (condition) => `SELECT ${name}, count(*) FROM (SELECT ${column.sql} AS v ${rowsOf(source)}) WHERE ${condition}`,
    );
  });
  if (queries.length === 0) return [];
  const statement = await connection.prepare(queries.join(' UNION ALL '));
  try {
    bindings.bindTo(statement);
    const found = (await statement.runAndReadAll()).getRows().filter(([, count]) => count !== 0n);
    return found.map(([name]) => String(name));
  } finally {
    statement.destroySync();
  }
}

/** @returns the query of those rows; `undefined` if the column has none, or keeps them because it is exported as PostgreSQL's text */
function onlyNotFinite(query: PostgresQuery, { column: { name, type } }: SourceColumn): PostgresQuery | undefined {
  const column = query.columnSql(name);
  if (column === undefined || !query.isNumeric(name) || type === 'text') return undefined;
  return { ...query, conditions: [`${column}::text IN ('NaN', 'Infinity', '-Infinity')`] };
}

/** As PostgreSQL writes such a number by itself, in an array or in a composite value. */
const NOT_FINITE = '(^|[{(,"])-?(NaN|Infinity)([,})"]|$)';

/** Lets PostgreSQL look for them in columns of a table. @returns names as `table.column` */
async function findHidden(
  { connection, order, source }: Reading,
  { relation, columns, tenantColumn }: HiddenNumbers,
): Promise<string[]> {
  const counts = columns.map(
    (name, at) => `count(*) FILTER (WHERE ${identifier(name)}::text ~ ${literal(NOT_FINITE)}) AS c${at}`,
  );
  const table = `${identifier(relation.schema)}.${identifier(relation.name)}`;
  const cast = source.tenant.type.typeId === DuckDBTypeId.VARCHAR ? '' : '::text';
  const rows =
    tenantColumn === null
      ? table
      : `${table} WHERE ${identifier(tenantColumn)}${cast} = ${postgresLiteral(order.tenant)}`;
  const sql = `SELECT ${counts.join(', ')} FROM ${rows}`;
  const answer = await connection.runAndReadAll(
    `SELECT * FROM postgres_query(${literal(relation.database)}, ${literal(sql)})`,
  );
  const [found = []] = answer.getRows();
  return columns.flatMap((name, at) => (found[at] === 0n ? [] : [`${relation.name}.${name}`]));
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
