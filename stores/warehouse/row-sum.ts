import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api';
import type { Dataset } from '../../config/dataset.ts';
import type { Instant } from '../../contracts/instant.ts';
import type { FileOrder } from '../../contracts/order.ts';
import { type PartSlice, type RowSum, rowSum } from '../../contracts/plan.ts';
import { Bindings } from './bindings.ts';
import { rowsSql } from './rows.ts';
import type { Source } from './source.ts';

/** One slice of an order's rows at a snapshot; the connection is in a transaction. */
export interface Reading {
  readonly connection: DuckDBConnection;
  readonly dataset: Dataset;
  readonly order: FileOrder;
  readonly source: Source;
  readonly snapshotAt: Instant;
  readonly slice: PartSlice;
}

export async function sumRows(read: Reading): Promise<RowSum> {
  const [row] = await selectRows(read, () => ({ columns: sumColumns(read.source) }));
  return toSum(row);
}

/**
 * SQL of two columns that {@link toSum} reads: the count, and the sum of the rows' hashes. A sum counts equal rows, which
 * XOR would cancel in pairs.
 */
export function sumColumns(source: Pick<Source, 'identitySql'>): string {
  return `count(*), sum(${rowHash(source)})`;
}

/**
 * SQL of a row's hash, a UBIGINT. The outer hash is needed because DuckDB combines the hashes of several columns by XOR: rows
 * that swap values would often have the same sum.
 */
export function rowHash({ identitySql }: Pick<Source, 'identitySql'>): string {
  return `hash(hash(${identitySql.join(', ')}))`;
}

/** @returns the sum of disjoint sets of rows */
export function addSums(sums: readonly RowSum[]): RowSum {
  return rowSum(
    sums.reduce((total, { rows }) => total + rows, 0),
    sums.reduce((total, { rowsHash }) => total + BigInt(`0x${rowsHash}`), 0n),
  );
}

/** @param row the columns of {@link sumColumns}; absent, or with a NULL sum, if there are no rows */
export function toSum(row: readonly DuckDBValue[] = []): RowSum {
  const [rows, hashes] = row;
  return rowSum(Number(rows ?? 0), typeof hashes === 'bigint' ? hashes : 0n);
}

export async function selectRows(
  { connection, dataset, order, source, snapshotAt, slice }: Reading,
  query: (bindings: Bindings) => {
    readonly columns: string;
    readonly groupBy?: string;
    /** SQL after the conditions. */
    readonly rest?: string;
  },
): Promise<DuckDBValue[][]> {
  const bindings = new Bindings(dataset, order.parameters);
  const { columns, groupBy, rest = '' } = query(bindings);
  const rows = rowsSql(source, order, { snapshotAt, slice }, bindings);
  const statement = await connection.prepare(
    `SELECT ${columns} ${rows}${groupBy ? ` GROUP BY ${groupBy}` : ''}${rest}`,
  );
  try {
    bindings.bindTo(statement);
    const result = await statement.runAndReadAll();
    return result.getRows();
  } finally {
    statement.destroySync();
  }
}
