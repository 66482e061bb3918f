import type { DuckDBConnection } from '@duckdb/node-api';
import { WaybillError } from '../../contracts/failures.ts';
import { literal } from './sql-text.ts';

/** DuckDB's limits. */
export interface Limits {
  /** The most that DuckDB may use, for example `2GB`. */
  readonly memory: string;
  /** 0: one per core, at most four, limited by memory. */
  readonly threads: number;
}

/** Bytes of DuckDB's memory. */
export interface MemoryLimits {
  /** What queries have unless they need more. */
  readonly usual: number;
  readonly most: number;
}

/** Megabytes of memory that a thread of DuckDB needs. Source: DuckDB, guides/performance/environment. */
const THREAD_MB = 125;

/** Threads unless the settings say otherwise. A worker also compresses and seals. */
const THREADS_MAX = 4;

/** Usual memory: so much for each thread, and at least so much. */
const USUAL_THREAD_BYTES = 128e6;
const USUAL_BYTES_MIN = 256e6;

/**
 * Sets DuckDB's threads and all of its memory. With too many threads for the memory, even a query that spills can run out of it.
 *
 * @throws WaybillError `warehouse_misconfigured` if the memory is too little for the threads that are set
 */
export async function setLimits(connection: DuckDBConnection, { memory, threads }: Limits): Promise<MemoryLimits> {
  // Refuses what is no amount of memory.
  await connection.run(`SET GLOBAL memory_limit = ${literal(memory)}`);
  const result = await connection.runAndReadAll(
    `SELECT current_setting('threads'), parse_formatted_bytes(${literal(memory)})`,
  );
  const [cores = 1, most = 0] = result.getRows()[0]?.map(Number) ?? [];
  const served = Math.max(1, Math.floor(most / (THREAD_MB * 1e6)));
  if (threads > served) {
    throw new WaybillError(
      'warehouse_misconfigured',
      `WAYBILL_WAREHOUSE_MEMORY is too little for ${threads} threads: each needs ${THREAD_MB} MB. Raise it, or lower WAYBILL_WAREHOUSE_THREADS.`,
    );
  }
  const used = threads || Math.min(cores, served, THREADS_MAX);
  await connection.run(`SET GLOBAL threads = ${used}`);
  return { usual: Math.min(most, Math.max(USUAL_BYTES_MIN, used * USUAL_THREAD_BYTES)), most };
}

/** @throws DuckDB's error if more is in use, and cannot be released */
export async function setMemory(connection: DuckDBConnection, bytes: number): Promise<void> {
  await connection.run(`SET GLOBAL memory_limit = '${bytes}B'`);
}
