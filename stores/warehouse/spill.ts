import type { DuckDBConnection } from '@duckdb/node-api';
import type { Logger } from 'pino';
import { extensionAdvice } from './extensions.ts';
import { withoutSecrets } from './trouble.ts';

/** Bytes of memory that a thread of DuckDB needs. Source: DuckDB, guides/performance/environment. */
const THREAD_BYTES = 125_000_000;

/**
 * Has DuckDB encrypt what it writes to disk for lack of memory, under a key that only this process ever has.
 *
 * Of the ciphers, the one built into DuckDB has random numbers that are not cryptographically secure, so it writes only
 * when told to. The extension `httpfs` brings OpenSSL; it is loaded where it is installed, or may be. See decision 5.
 *
 * @param mayInstall whether the extension may be fetched
 */
export async function encryptSpilling(
  connection: DuckDBConnection,
  mayInstall: boolean,
  logger: Logger,
): Promise<void> {
  try {
    await loadHttpfs(connection, mayInstall);
    logger.info('what does not fit into memory is spilled encrypted by OpenSSL');
  } catch (error) {
    await connection.run("SET GLOBAL force_mbedtls_unsafe = 'true'");
    logger.warn(
      { cause: error instanceof Error ? withoutSecrets(error).message : undefined },
      `what does not fit into memory is spilled encrypted by DuckDB's own cipher, which is slower and has weaker keys than OpenSSL's. ${extensionAdvice('httpfs')}`,
    );
  }
  await connection.run('SET GLOBAL temp_file_encryption = true');
}

async function loadHttpfs(connection: DuckDBConnection, mayInstall: boolean): Promise<void> {
  try {
    await connection.run('LOAD httpfs');
  } catch (error) {
    if (!mayInstall) throw error;
    await connection.run('INSTALL httpfs');
    await connection.run('LOAD httpfs');
  }
}

/**
 * Lets DuckDB have no more threads than the memory limit has room for: with more, a query that spills can still run out
 * of memory.
 */
export async function fitThreads(connection: DuckDBConnection): Promise<void> {
  const result = await connection.runAndReadAll(
    `SELECT least(current_setting('threads'), greatest(1, parse_formatted_bytes(current_setting('memory_limit')) // ${THREAD_BYTES}))`,
  );
  await connection.run(`SET GLOBAL threads = ${Number(result.getRows()[0]?.[0])}`);
}
