import type { DuckDBConnection } from '@duckdb/node-api';
import type { Dataset } from '../../config/dataset.ts';
import { FORMATS } from '../../contracts/order.ts';
import { Bindings } from './bindings.ts';
import { formattedColumns } from './part-query.ts';
import { describeSource } from './source.ts';

/** Describes a dataset and formats its first row in each format, with all parameters NULL. */
export async function checkDataset(connection: DuckDBConnection, dataset: Dataset): Promise<void> {
  const source = await describeSource(connection, dataset, null);
  for (const format of FORMATS) {
    const bindings = new Bindings(dataset, null);
    const columns = formattedColumns(source.columns, format, true);
    const statement = await connection.prepare(`SELECT ${columns} FROM ${source.fromSql} LIMIT 1`);
    try {
      bindings.bindTo(statement);
      await statement.run();
    } finally {
      statement.destroySync();
    }
  }
}
