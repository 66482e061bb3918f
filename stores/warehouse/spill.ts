import type { DuckDBConnection } from '@duckdb/node-api';
import type { Logger } from 'pino';
import { withoutSecrets } from './errors.ts';
import { extensionAdvice } from './extensions.ts';

/**
 * Makes DuckDB encrypt its spill files, with a key that only this process has.
 *
 * DuckDB's built-in cipher uses random numbers that are not cryptographically secure, so it must be enabled explicitly. The
 * extension `httpfs` provides OpenSSL; it is loaded if it is installed or may be installed. See decision 5.
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
    logger.info('spill files are encrypted by OpenSSL');
  } catch (error) {
    await connection.run("SET GLOBAL force_mbedtls_unsafe = 'true'");
    logger.warn(
      { cause: error instanceof Error ? withoutSecrets(error).message : undefined },
      `spill files are encrypted by DuckDB's own cipher, which is slower and has weaker keys than OpenSSL's. ${extensionAdvice('httpfs')}`,
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
