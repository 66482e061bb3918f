import { join } from 'node:path';
import { literal } from './sql-text.ts';

/** How DuckDB 1.5 words that INSTALL, LOAD or ATTACH found no file of an extension. */
const MISSING =
  /^IO Error: (?:Failed to (?:download extension|install local extension) "(\w+)"|Extension "(?:[^"\n]*\/)?(\w+)\.duckdb_extension" not found)/;

/** @returns the name of the extension whose absence the error reports; `undefined` for any other error */
export function missingExtension(error: unknown): string | undefined {
  const [, installed, loaded] = (error instanceof Error && MISSING.exec(error.message)) || [];
  return installed ?? loaded;
}

/** Tells the operator how to provide an extension. */
export function extensionAdvice(name: string): string {
  return `DuckDB's extension ${name} is not installed: put ${name}.duckdb_extension into WAYBILL_WAREHOUSE_EXTENSION_DIRECTORY, under DuckDB's version and platform, or set WAYBILL_WAREHOUSE_INSTALL_EXTENSIONS=true where DuckDB's repository can be reached.`;
}

/**
 * The assignments that say where DuckDB finds extensions.
 *
 * @param directory `undefined`: DuckDB's own default below the home directory
 * @param own a directory of this process
 */
export function extensionSettings(directory: string | undefined, mayInstall: boolean, own: string): readonly string[] {
  return [
    ...(directory ? [`extension_directory = ${literal(directory)}`] : []),
    // From a repository that does not exist, INSTALL accepts only what is installed already.
    ...(mayInstall ? [] : [`custom_extension_repository = ${literal(join(own, 'no-repository'))}`]),
  ];
}
