import { existsSync, statSync } from 'node:fs';
import { basename, dirname, extname, resolve } from 'node:path';
import { usage } from '../failure.ts';
import { checkTarget, targetFile } from '../files/save.ts';
import { OUTPUT_FORMATS, type OutputFormat } from './write.ts';

/** Where the state of entities is written. */
export interface Target {
  readonly format: OutputFormat;
  /** Where the finished files go. */
  readonly directory: string;
  /** @returns the name of the file of an entity */
  nameOf(entity: string): string;
}

/**
 * @param wanted a file whose extension says the format, or a directory, which ends in a slash or exists
 * @param format of the files in a directory
 * @throws CliFailure `usage` if it cannot hold these entities, or would replace something
 */
export function chooseTarget(
  wanted: string,
  entities: readonly string[],
  { format, replace }: { readonly format: OutputFormat | undefined; readonly replace: boolean },
): Target {
  if (wanted.endsWith('/') || statSync(wanted, { throwIfNoEntry: false })?.isDirectory()) {
    const chosen = format ?? 'csv';
    const nameOf = (entity: string) => (chosen === 'duckdb' ? 'exports.duckdb' : `${entity}.${chosen}`);
    if (existsSync(wanted)) for (const entity of entities) targetFile(wanted, nameOf(entity), replace);
    return { format: chosen, directory: wanted, nameOf };
  }
  const extension = extname(wanted).slice(1).toLowerCase();
  const chosen = OUTPUT_FORMATS.find((one) => one === extension);
  if (!chosen || (format && format !== chosen)) {
    throw usage(`"${wanted}" does not say its format.`, 'Use .csv, .parquet or .duckdb, or a directory: -o state/');
  }
  if (chosen !== 'duckdb' && entities.length > 1) {
    throw usage(
      `A ${chosen} file holds one entity.`,
      'Choose it with --entity, or use a directory or a .duckdb file.',
      `There are: ${entities.join(', ')}`,
    );
  }
  checkTarget(wanted, replace);
  return { format: chosen, directory: dirname(resolve(wanted)), nameOf: () => basename(wanted) };
}
