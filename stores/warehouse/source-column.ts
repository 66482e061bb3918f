import type { DuckDBType } from '@duckdb/node-api';
import type { Column } from '../../config/dataset.ts';

/** A column of a dataset's SQL. */
export interface SourceColumn {
  readonly column: Pick<Column, 'name' | 'type' | 'header' | 'missing' | 'hidden'>;
  /** Quoted and qualified. */
  readonly sql: string;
  readonly type: DuckDBType;
}
