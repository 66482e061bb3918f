import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api';
import type { Dataset } from '../../config/dataset.ts';
import type { FileOrder } from '../../contracts/order.ts';
import { Bindings } from './bindings.ts';
import { toFailure } from './errors.ts';
import { withAllMemory } from './memory.ts';
import { readClock } from './planning.ts';
import { rowValues } from './row-format.ts';
import { rowsSql, WHOLE } from './rows.ts';
import { openSession, QUERY_LOG, type WarehouseOptions } from './session.ts';
import { describeSource } from './source.ts';
import { orderedColumns } from './source-column.ts';
import { literal } from './sql-text.ts';
import { inTransaction } from './transaction.ts';

/** How the warehouse reads a dataset for an order. */
export interface Explanation {
  /** DuckDB's physical plan, as text. */
  readonly duckdb: string;
  /** What DuckDB asks attached PostgreSQL servers for. */
  readonly postgres: readonly PostgresPlan[];
}

export interface PostgresPlan {
  readonly sql: string;
  /** As text. */
  readonly plan: string;
}

/**
 * Explains how an export's rows are read: what is pushed down to PostgreSQL, and which index serves it. Begins to read the
 * rows, because DuckDB sends its queries only then; stops after the first.
 */
export async function explainDataset(
  options: WarehouseOptions,
  dataset: Dataset,
  order: FileOrder,
  signal: AbortSignal,
): Promise<Explanation> {
  const session = await openSession({ ...options, logPostgresQueries: true });
  const connection = await session.connect();
  const postgres = session.postgres.databasesOf(dataset.sql);
  try {
    return await inTransaction({ session, connection, postgres }, signal, async () => {
      const source = await describeSource(session, connection, dataset, order.parameters);
      const columns = orderedColumns(order, source.columns, ({ column }) => column);
      const bindings = new Bindings(dataset, order.parameters);
      const snapshotAt = await readClock(connection);
      const rows = rowsSql(source, order, { snapshotAt, slice: WHOLE }, bindings);
      const query = `SELECT ${rowValues(columns, order).join(', ')} ${rows}`;
      const [plan] = await run(connection, `EXPLAIN ${query}`, bindings);
      await withAllMemory(session.memory, () => run(connection, `${query} LIMIT 1`, bindings));
      const sent = postgres.length > 0 ? await queriesSent(connection) : [];
      const plans: PostgresPlan[] = [];
      for (const sql of sent) plans.push(await explainInPostgres(connection, postgres, sql));
      return { duckdb: String(plan?.[1]), postgres: plans };
    });
  } catch (error) {
    throw toFailure(error, `Dataset ${dataset.name}`);
  } finally {
    connection.disconnectSync();
    await session.close();
  }
}

async function run(connection: DuckDBConnection, sql: string, bindings?: Bindings): Promise<DuckDBValue[][]> {
  const statement = await connection.prepare(sql);
  try {
    bindings?.bindTo(statement);
    return (await statement.runAndReadAll()).getRows();
  } finally {
    statement.destroySync();
  }
}

/** @returns the queries for rows that DuckDB has sent, without the limit that comes from reading one row only */
async function queriesSent(connection: DuckDBConnection): Promise<readonly string[]> {
  // Every query is sent as COPY (query) TO STDOUT; inTransaction asks for the process id.
  const rows = await run(
    connection,
    `SELECT DISTINCT regexp_extract(query, '^COPY \\((.*)\\) TO STDOUT', 1, 's')
     FROM (SELECT parse_duckdb_log_message('${QUERY_LOG}', message).query AS query FROM duckdb_logs() WHERE type = '${QUERY_LOG}')
     WHERE query LIKE 'COPY (%) TO STDOUT%' AND query NOT LIKE '%pg_backend_pid()%'`,
  );
  return rows.map(([sql]) => String(sql).replace(/ LIMIT \d+$/, ''));
}

/** The log does not tell the database, so the first one that knows the tables explains. */
async function explainInPostgres(
  connection: DuckDBConnection,
  databases: readonly string[],
  sql: string,
): Promise<PostgresPlan> {
  const failures: unknown[] = [];
  for (const database of databases) {
    try {
      await run(connection, `CALL postgres_execute(${literal(database)}, ${literal(explaining(sql))})`);
      const read = `SELECT current_setting('${PLAN_SETTING}')`;
      const [row] = await run(connection, `SELECT * FROM postgres_query(${literal(database)}, ${literal(read)})`);
      return { sql, plan: String(row?.[0]).trimEnd() };
    } catch (error) {
      failures.push(error);
    }
  }
  throw failures[0];
}

/** A setting of the transaction that keeps the plan, because `postgres_query` takes only what can be a subquery. */
const PLAN_SETTING = 'waybill.plan';

function explaining(sql: string): string {
  return `DO $waybill_do$
    DECLARE line text; plan text := '';
    BEGIN
      FOR line IN EXECUTE $waybill_sql$EXPLAIN ${sql}$waybill_sql$ LOOP plan := plan || line || chr(10); END LOOP;
      PERFORM set_config('${PLAN_SETTING}', plan, true);
    END $waybill_do$`;
}
