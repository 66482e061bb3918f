import { join } from 'node:path';
import { literal } from './sql-text.ts';

/** DuckDB 1.5's messages for a missing extension file on INSTALL, LOAD or ATTACH. */
const MISSING =
  /^IO Error: (?:Failed to (?:download extension|install local extension) "(\w+)"|Extension "(?:[^"\n]*\/)?(\w+)\.duckdb_extension" not found)/;

/** @returns the name of the extension whose absence the error reports; `undefined` for any other error */
export function missingExtension(error: unknown): string | undefined {
  const [, installed, loaded] = (error instanceof Error && MISSING.exec(error.message)) || [];
  return installed ?? loaded;
}

/** @returns advice for the operator on how to provide an extension */
export function extensionAdvice(name: string): string {
  return `DuckDB's extension ${name} is not installed: put ${name}.duckdb_extension into WAYBILL_WAREHOUSE_EXTENSION_DIRECTORY, under DuckDB's version and platform, or set WAYBILL_WAREHOUSE_INSTALL_EXTENSIONS=true where DuckDB's repository can be reached.`;
}

/**
 * Settings that tell DuckDB where to find extensions.
 *
 * @param directory `undefined`: DuckDB's own default below the home directory
 * @param own this process's private directory
 */
export function extensionSettings(directory: string | undefined, mayInstall: boolean, own: string): readonly string[] {
  return [
    ...(directory ? [`extension_directory = ${literal(directory)}`] : []),
    // With a repository that does not exist, INSTALL accepts only installed extensions.
    ...(mayInstall ? [] : [`custom_extension_repository = ${literal(join(own, 'no-repository'))}`]),
  ];
}
