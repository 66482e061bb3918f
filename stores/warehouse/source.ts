import { type DuckDBConnection, type DuckDBType, DuckDBTypeId, VARCHAR } from '@duckdb/node-api';
import type { Column, ColumnType, Dataset } from '../../config/dataset.ts';
import { WaybillError } from '../../contracts/failures.ts';
import type { ParameterValue } from '../../contracts/order.ts';
import { anonymized } from './anonymize.ts';
import type { AttachedPostgres, PostgresRelation } from './attached.ts';
import { Bindings } from './bindings.ts';
import { accepts, formatColumn } from './column-format.ts';
import { columnTypes } from './column-types.ts';
import { explain, isCollecting } from './operators.ts';
import { everyRow, type RowSource } from './rows.ts';
import type { Session } from './session.ts';
import type { SourceColumn } from './source-column.ts';
import { identifier } from './sql-text.ts';
import type { TenantColumn } from './tenant-filter.ts';
import { timeColumn } from './time-column.ts';
import { IN_DIGITS, readAsText } from './wide-numerics.ts';

/** A dataset as the warehouse currently describes it. */
export interface Source extends RowSource {
  /** With its place among the columns of the SQL, from 0. */
  readonly tenant: TenantColumn & { readonly index: number };
  /**
   * SQL of the columns that identify a row: the catalog's key and the times, or all columns if there is neither. Never
   * empty.
   */
  readonly identitySql: readonly string[];
  /** Whether reading the rows takes memory for many of them. */
  readonly collects: boolean;
  /** Set if the SQL may read columns of PostgreSQL with `numeric` values. */
  readonly numbers: NumbersRead | undefined;
}

/** What the dataset's SQL reads that may hold a `numeric` of PostgreSQL. */
interface NumbersRead {
  readonly relations: readonly PostgresRelation[];
  /** The SQL as DuckDB's parser serializes it. */
  readonly select: unknown;
}

/**
 * Looks up the columns of the dataset's SQL; reads no rows.
 *
 * @param parameters as {@link Bindings} takes them
 * @throws WaybillError `dataset_broken` listing every column that does not match the catalog; errors of DuckDB
 */
export async function describeSource(
  session: Pick<Session, 'postgres' | 'anonymizes'>,
  connection: DuckDBConnection,
  dataset: Dataset,
  parameters: Readonly<Record<string, ParameterValue>> | null,
): Promise<Source> {
  const select = await parseDatasetSql(connection, dataset);
  // The line break ends a trailing comment in the SQL.
  const fromSql = `(${dataset.sql.replace(/;\s*$/, '')}\n) AS source`;
  const bindings = new Bindings(dataset, parameters);
  const described = await columnTypes(connection, `SELECT * FROM ${fromSql}`, bindings);
  const withNumbers = session.postgres
    .relationsOf(dataset.sql)
    .filter(({ numeric, nestedNumeric }) => numeric.length + nestedNumeric.length > 0);
  const query = await readAsText(connection, session.postgres, {
    dataset,
    select,
    types: described,
    relations: withNumbers,
  });
  const read = `SELECT * FROM ${everyRow({ fromSql, query })}`;
  const types = query ? await columnTypes(connection, read, bindings) : described;
  const plan = await explain(connection, read, bindings);
  const problems: string[] = ambiguousColumns(session.postgres, dataset);

  function typeOf(name: string, role: string): DuckDBType | undefined {
    const type = types.get(name.toLowerCase());
    if (!type) problems.push(`${role} ${name} is not in what the SQL selects`);
    return type;
  }
  function findTime(name: string | null, role: string) {
    const type = name === null ? undefined : typeOf(name, role);
    if (name === null || !type) return undefined;
    const time = timeColumn(qualified(name), type);
    if (!time) problems.push(`${role} ${name} is ${type}; it should be TIMESTAMP, TIMESTAMPTZ or DATE`);
    return time && { ...time, inPostgres: query?.columnSql(name) };
  }

  const tenantType = typeOf(dataset.tenantColumn, 'the tenant column');
  const modified = findTime(dataset.modifiedColumn, 'the modified column');
  const created = findTime(dataset.createdColumn, 'the created column');
  const columns: SourceColumn[] = [];
  for (const column of dataset.columns) {
    const type = typeOf(column.name, 'column');
    if (!type) continue;
    const wanted = column.anonymizedFrom ?? column.type;
    if (accepts(wanted, type)) columns.push(sourceColumn(dataset, column, type));
    else
      problems.push(`column ${column.name} is ${type}, which cannot be written as ${wanted}${adviceFor(wanted, type)}`);
    if (column.anonymizedFrom !== undefined && !session.anonymizes) {
      problems.push(`column ${column.name} is to be anonymized, and WAYBILL_ANONYMIZE_KEY is not set`);
    }
  }
  for (const name of [...dataset.key, ...(dataset.deletedColumn === null ? [] : [dataset.deletedColumn])]) {
    typeOf(name, 'column');
  }
  if (problems.length > 0) {
    throw new WaybillError('dataset_broken', `Dataset ${dataset.name}: ${problems.join('; ')}.`);
  }
  const first = modified ?? created;
  const identity = [
    ...dataset.key.map((name) => keySql(columns, name)),
    ...[modified, created].flatMap((time) => (time ? [time.sql] : [])),
  ];
  return {
    fromSql,
    query,
    collects: isCollecting(plan),
    tenant: {
      sql: qualified(dataset.tenantColumn),
      type: tenantType ?? VARCHAR,
      index: [...described.keys()].indexOf(dataset.tenantColumn.toLowerCase()),
    },
    inPostgres: session.postgres.databasesOf(dataset.sql).length > 0,
    deletedSql: dataset.deletedColumn === null ? undefined : qualified(dataset.deletedColumn),
    numbers: withNumbers.length > 0 ? { relations: withNumbers, select } : undefined,
    times: first && (modified && created ? [modified, created] : [first]),
    identitySql: identity.length > 0 ? identity : columns.map(({ sql }) => sql),
    columns,
  };
}

/**
 * Columns of PostgreSQL whose names differ only in case, `"Name"` and `name`. DuckDB reads the same one under both names, so
 * that none may occur in the SQL or in the catalog.
 */
function ambiguousColumns(postgres: AttachedPostgres, dataset: Dataset): string[] {
  const { tenantColumn, modifiedColumn, createdColumn, deletedColumn, key, columns } = dataset;
  const selected = [
    tenantColumn,
    modifiedColumn,
    createdColumn,
    deletedColumn,
    ...key,
    ...columns.map(({ name }) => name),
  ];
  const names = new Set(selected.flatMap((name) => (name === null ? [] : [name.toLowerCase()])));
  return postgres
    .relationsOf(dataset.sql)
    .flatMap(({ schema, name, ambiguous }) =>
      ambiguous
        .filter((column) => names.has(column) || postgres.mentions(dataset.sql, column))
        .map(
          (column) =>
            `PostgreSQL's ${schema}.${name} has several columns ${column} whose names differ only in case, which DuckDB cannot tell apart; select them under other names in a PostgreSQL view`,
        ),
    );
}

function adviceFor(wanted: ColumnType, { typeId }: DuckDBType): string {
  return IN_DIGITS.has(wanted) && typeId === DuckDBTypeId.DOUBLE
    ? ' (so arrives a `numeric` of PostgreSQL without a precision, or with one of more than 38 digits, unless the SQL only selects columns of one of its tables or views: select it as text in a PostgreSQL view)'
    : '';
}

/** Whoever reads the column's SQL never sees a value that is to be anonymized. */
function sourceColumn({ tenantColumn }: Dataset, column: Column, type: DuckDBType): SourceColumn {
  const sql = qualified(column.name);
  if (column.anonymizedFrom === undefined) return { column, sql, type };
  const value = `CAST(${formatColumn(sql, column.anonymizedFrom, type, 'csv')} AS VARCHAR)`;
  return { column, sql: anonymized(`CAST(${qualified(tenantColumn)} AS VARCHAR)`, value), type: VARCHAR };
}

/** The sum of a single row must not tell its key. */
function keySql(columns: readonly SourceColumn[], name: string): string {
  return columns.find(({ column }) => column.name === name)?.sql ?? qualified(name);
}

function qualified(name: string): string {
  return `source.${identifier(name)}`;
}

/**
 * Table functions that open databases by connection string, which the lock-down of DuckDB 1.5 allows, and those that run
 * SQL from a string, which would hide them.
 */
const REACHING_OUT =
  /^(?:(?:postgres|mysql|sqlite|mssql|odbc|snowflake|bigquery)_(?:scan|scan_pushdown|attach)|query|query_table|json_execute_serialized_sql)$/i;

/**
 * Checks with DuckDB's parser that a dataset is one SELECT, so that it can be used as a subquery, and that it reads only
 * what the start-up SQL attached.
 *
 * @returns the SELECT as DuckDB's parser serializes it
 * @throws WaybillError `dataset_broken`
 */
async function parseDatasetSql(connection: DuckDBConnection, dataset: Dataset): Promise<unknown> {
  const result = await connection.runAndReadAll('SELECT json_serialize_sql($sql::VARCHAR)', { sql: dataset.sql });
  const tree: unknown = JSON.parse(String(result.getRows()[0]?.[0]));
  if (!isObject(tree) || tree.error !== false || !Array.isArray(tree.statements)) {
    const position = isObject(tree) && tree.position !== undefined ? ` (at character ${String(tree.position)})` : '';
    throw broken(dataset, `the SQL should be one SELECT that DuckDB can parse${position}`);
  }
  if (tree.statements.length !== 1) throw broken(dataset, 'the SQL should be one SELECT, not several statements');
  const name = findFunction(tree);
  if (name !== undefined) {
    throw broken(dataset, `the SQL should not call ${name}; attach the database in the start-up SQL instead`);
  }
  return tree.statements[0];
}

/** @returns the first such function in the tree */
function findFunction(node: unknown): string | undefined {
  if (Array.isArray(node)) {
    for (const child of node) {
      const found = findFunction(child);
      if (found !== undefined) return found;
    }
  } else if (isObject(node)) {
    if (typeof node.function_name === 'string' && REACHING_OUT.test(node.function_name)) return node.function_name;
    return findFunction(Object.values(node));
  }
  return undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function broken(dataset: Dataset, sentence: string): WaybillError {
  return new WaybillError('dataset_broken', `Dataset ${dataset.name}: ${sentence}.`);
}
