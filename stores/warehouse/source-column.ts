import type { DuckDBType } from '@duckdb/node-api';
import type { ColumnType } from '../../config/dataset.ts';

/** A column of a dataset's SQL. */
export interface SourceColumn {
  readonly column: { readonly name: string; readonly type: ColumnType; readonly header: string };
  /** Quoted and qualified. */
  readonly sql: string;
  readonly type: DuckDBType;
}
