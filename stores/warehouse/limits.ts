import type { DuckDBConnection } from '@duckdb/node-api';
import { WaybillError } from '../../contracts/failures.ts';
import { literal } from './sql-text.ts';

/** DuckDB's limits. */
export interface Limits {
  /** DuckDB's `memory_limit`, for example `2GB`. */
  readonly memory: string;
  /** 0: one per core, limited by memory. */
  readonly threads: number;
}

/** Megabytes of memory that a thread of DuckDB needs. Source: DuckDB, guides/performance/environment. */
const THREAD_MB = 125;

/**
 * Sets DuckDB's memory and threads. With too many threads for the memory, even a query that spills can run out of it.
 *
 * @throws WaybillError `warehouse_misconfigured` if the memory is too little for the threads that are set
 */
export async function setLimits(connection: DuckDBConnection, { memory, threads }: Limits): Promise<void> {
  await connection.run(`SET GLOBAL memory_limit = ${literal(memory)}`);
  const result = await connection.runAndReadAll(
    `SELECT current_setting('threads'), greatest(1, parse_formatted_bytes(${literal(memory)}) // ${THREAD_MB}e6::BIGINT)`,
  );
  const [cores = 1, served = 1] = result.getRows()[0]?.map(Number) ?? [];
  if (threads > served) {
    throw new WaybillError(
      'warehouse_misconfigured',
      `WAYBILL_WAREHOUSE_MEMORY is too little for ${threads} threads: each needs ${THREAD_MB} MB. Raise it, or lower WAYBILL_WAREHOUSE_THREADS.`,
    );
  }
  await connection.run(`SET GLOBAL threads = ${threads || Math.min(cores, served)}`);
}
