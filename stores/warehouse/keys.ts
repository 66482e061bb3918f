import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Dataset } from '../../config/dataset.ts';
import { WaybillError } from '../../contracts/failures.ts';
import type { Instant } from '../../contracts/instant.ts';
import type { FileOrder } from '../../contracts/order.ts';
import { rowSum } from '../../contracts/plan.ts';
import { Bindings } from './bindings.ts';
import type { PartQueries } from './copy.ts';
import { rowFormat } from './row-format.ts';
import { rowsQuery } from './row-text.ts';
import { rowsSql, WHOLE } from './rows.ts';
import type { Session } from './session.ts';
import type { Source } from './source.ts';
import type { SourceColumn } from './source-column.ts';
import { orderedColumns } from './source-column.ts';
import { identifier, literal } from './sql-text.ts';

/** Rows of whatever time: one that was changed after the snapshot is there all the same. */
const NOW = { slice: WHOLE, snapshotAt: '9999-12-31T23:59:59.999999Z' as Instant };

/**
 * The keys of all rows that a tenant has, or of those that it had before and has no longer.
 *
 * @param before Parquet file of the keys that there were; it is on disk while the query runs, in a private directory
 */
export async function openKeys(
  {
    session,
    connection,
    dataset,
    order,
    source,
  }: {
    readonly session: Pick<Session, 'directory'>;
    readonly connection: DuckDBConnection;
    readonly dataset: Dataset;
    readonly order: FileOrder;
    readonly source: Source;
  },
  before: AsyncIterable<Uint8Array> | undefined,
): Promise<PartQueries> {
  const columns = orderedColumns(order, source.columns, ({ column }) => column);
  const file = join(session.directory, `keys-${randomUUID()}.parquet`);
  const remove = () => rmSync(file, { force: true });
  try {
    if (order.rows === 'gone') await writeFile(file, before ?? [], { mode: 0o600 });
  } catch (error) {
    remove();
    throw error;
  }
  return {
    prepare: async (path) => {
      const bindings = new Bindings(dataset, order.parameters);
      const format = rowFormat(columns, order);
      const rows = rowsSql(source, { ...order, window: null }, NOW, bindings);
      const now = rowsQuery(format, rows);
      const query =
        order.rows === 'gone' ? `${await selectBefore(connection, file, order, columns)} EXCEPT ${now}` : now;
      const statement = await connection.prepare(
        `COPY (${query}) TO ${literal(path)} (${format.options}, USE_TMP_FILE false)`,
      );
      bindings.bindTo(statement);
      return statement;
    },
    sum: async () => rowSum(0, 0n),
    end: remove,
  };
}

/** SQL of the keys in the file, as texts that are written like those of the rows. */
async function selectBefore(
  connection: DuckDBConnection,
  file: string,
  order: FileOrder,
  columns: readonly SourceColumn[],
): Promise<string> {
  const from = `FROM read_parquet(${literal(file)}) AS before`;
  const result = await connection.run(`SELECT * ${from} LIMIT 0`);
  const types = new Map(result.columnNames().map((name, place) => [name, result.columnType(place)]));
  const known = columns.map(({ column }) => {
    const type = types.get(column.name);
    if (!type) throw new WaybillError('gone', 'The key of the dataset has changed. Request a full load.');
    return { column, sql: `before.${identifier(column.name)}`, type };
  });
  return rowsQuery(rowFormat(known, order), from);
}
