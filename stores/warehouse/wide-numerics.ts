import { type DuckDBConnection, type DuckDBType, DuckDBTypeId } from '@duckdb/node-api';
import type { ColumnType, Dataset } from '../../config/dataset.ts';
import type { AttachedPostgres, PostgresRelation } from './attached.ts';
import { columnTypes } from './column-types.ts';
import { plainColumns } from './plain-select.ts';
import { mayBeTenant } from './postgres-values.ts';
import type { PostgresQuery } from './rows.ts';
import { identifier, literal } from './sql-text.ts';

/** A dataset's SQL and what is known of it. */
interface Described {
  readonly dataset: Dataset;
  /** As DuckDB's parser serializes it. */
  readonly select: unknown;
  /** Of its columns, by name in lower case. */
  readonly types: ReadonlyMap<string, DuckDBType>;
  /** What it may read that has columns of `numeric`. */
  readonly relations: readonly PostgresRelation[];
}

/**
 * Lets PostgreSQL cast a `numeric` to text if it would arrive as DOUBLE although the catalog wants its digits. Only a query of
 * Waybill's own can, so the table is read by one, and the dataset's SQL reads that instead.
 *
 * @returns `undefined` if there is no such column, or if the SQL does more than to select columns of one table, or
 *   if some other column would arrive differently
 */
export async function readAsText(
  connection: DuckDBConnection,
  postgres: AttachedPostgres,
  { dataset, select, types, relations }: Described,
): Promise<PostgresQuery | undefined> {
  const inDigits = dataset.columns.filter(
    ({ name, type }) => IN_DIGITS.has(type) && types.get(name.toLowerCase())?.typeId === DuckDBTypeId.DOUBLE,
  );
  if (inDigits.length === 0) return undefined;
  const [found, other] = relations.flatMap((relation) => {
    const plain = plainColumns(select, relation);
    return plain ? [{ relation, ...plain }] : [];
  });
  // Tables whose names differ only in case cannot be told apart.
  if (!found?.isMovable || other) return undefined;
  const { relation, alias, columns } = found;
  const spelled = (name: string) => columns.get(name.toLowerCase());
  const wide = new Set(inDigits.flatMap(({ name }) => spelled(name) ?? []).filter((n) => relation.numeric.includes(n)));
  const read = columnsRead(postgres, dataset, relation);
  if (wide.size === 0 || read.some((name) => relation.ambiguous.includes(name.toLowerCase()))) return undefined;

  const known = await columnTypes(connection, `SELECT ${read.map(identifier).join(', ')} FROM ${nameOf(relation)}`);
  const table = { relation, columns: tableColumns(read, known, wide) };
  const tenant = spelled(dataset.tenantColumn);
  const tenantType = tenant === undefined ? undefined : known.get(tenant.toLowerCase());
  const times = [dataset.createdColumn, dataset.modifiedColumn].filter((name) => name !== null);
  if (tenant === undefined || !tenantType || times.some((name) => spelled(name) === undefined)) return undefined;
  if (!(await arrivesAsKnown(connection, table, known, wide))) return undefined;
  const sql = await readingInstead(connection, dataset, alias);
  return {
    conditions: [],
    fromSql: (conditions) => `(WITH ${ROWS} AS NOT MATERIALIZED (${querySql(table, conditions)}) ${sql}) AS source`,
    mayBeTenant: (key) => mayBeTenant(identifier(tenant), tenantType, key),
    columnSql: (name) => {
      const column = spelled(name);
      return column === undefined ? undefined : identifier(column);
    },
    isNumeric: (name) => relation.numeric.includes(spelled(name) ?? ''),
  };
}

/** Types of the catalog as which a `numeric` keeps all digits. */
export const IN_DIGITS: ReadonlySet<ColumnType> = new Set(['decimal', 'text']);

/** @returns the columns of the table that the dataset may need, as PostgreSQL spells them */
function columnsRead(postgres: AttachedPostgres, dataset: Dataset, { columns }: PostgresRelation): readonly string[] {
  const { tenantColumn, createdColumn, modifiedColumn, deletedColumn, key } = dataset;
  const names = [
    tenantColumn,
    createdColumn,
    modifiedColumn,
    deletedColumn,
    ...key,
    ...dataset.columns.map((c) => c.name),
  ];
  const known = new Set(names.map((name) => name?.toLowerCase()));
  return columns.filter((name) => known.has(name.toLowerCase()) || postgres.mentions(dataset.sql, name));
}

/** A table and the columns of it that are read. */
interface Table {
  readonly relation: PostgresRelation;
  readonly columns: readonly {
    /** In PostgreSQL's SQL. */
    readonly sent: string;
    /** In DuckDB's, of what PostgreSQL sends. */
    readonly received: string;
  }[];
}

/** @param known the columns' types when DuckDB itself reads the table @param wide names of those that become texts */
function tableColumns(
  read: readonly string[],
  known: ReadonlyMap<string, DuckDBType>,
  wide: ReadonlySet<string>,
): Table['columns'] {
  return read.map((name) => {
    const column = identifier(name);
    const type = known.get(name.toLowerCase());
    // PostgreSQL casts what DuckDB has no type for, and sends an ENUM as its text.
    const isText = wide.has(name) || type?.typeId === DuckDBTypeId.VARCHAR;
    return {
      sent: isText ? `${column}::text AS ${column}` : column,
      received: type?.typeId === DuckDBTypeId.ENUM ? `CAST(${column} AS ${type}) AS ${column}` : column,
    };
  });
}

/** Whether all other columns have the types that they have when DuckDB itself reads the table: it describes a query with less care. */
async function arrivesAsKnown(
  connection: DuckDBConnection,
  table: Table,
  known: ReadonlyMap<string, DuckDBType>,
  wide: ReadonlySet<string>,
): Promise<boolean> {
  const arriving = await columnTypes(connection, querySql(table, []));
  const texts = new Set([...wide].map((name) => name.toLowerCase()));
  return [...known].every(([name, type]) => texts.has(name) || String(arriving.get(name)) === String(type));
}

/** Name of the query's rows in the dataset's SQL. */
const ROWS = 'waybill_rows';

function nameOf({ database, schema, name }: PostgresRelation): string {
  return [database, schema, name].map(identifier).join('.');
}

function querySql({ relation, columns }: Table, conditions: readonly string[]): string {
  const { database, schema, name } = relation;
  const where = conditions.length > 0 ? ` WHERE ${conditions.join(' AND ')}` : '';
  const sql = `SELECT ${columns.map(({ sent }) => sent).join(', ')} FROM ${identifier(schema)}.${identifier(name)}${where}`;
  const received = columns.map((column) => column.received).join(', ');
  return `SELECT ${received} FROM postgres_query(${literal(database)}, ${literal(sql)})`;
}

/** @returns the dataset's SQL, which reads {@link ROWS} instead of the table */
async function readingInstead(connection: DuckDBConnection, dataset: Dataset, alias: string): Promise<string> {
  // In DuckDB, because JavaScript would round long integers in the tree.
  const answer = await connection.runAndReadAll(
    `SELECT json_deserialize_sql(json_object('error', false, 'statements', json_array(
       json_merge_patch(json_serialize_sql($sql::VARCHAR)->'$.statements[0]', $patch::JSON))))`,
    {
      sql: dataset.sql,
      patch: JSON.stringify({
        node: { from_table: { catalog_name: '', schema_name: '', table_name: ROWS, alias } },
      }),
    },
  );
  return String(answer.getRows()[0]?.[0]);
}
