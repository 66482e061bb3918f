import { fileURLToPath } from 'node:url';
import { buildSampleWarehouse } from '../catalogs/build.ts';

const CATALOG = fileURLToPath(new URL('../catalogs/sample', import.meta.url));

/**
 * Builds the sample warehouse, unless the directory holds the one that would be built.
 *
 * @param directory absolute; belongs to the warehouse alone
 * @param scale as a multiple of the default size
 * @returns the settings that attach it
 */
export async function prepareWarehouse(options: {
  readonly directory: string;
  readonly scale: number;
  readonly report: (line: string) => void;
}) {
  const { directory, scale, report } = options;
  const { startupSql, directories } = await buildSampleWarehouse({ directory, scale, report });
  return {
    WAYBILL_CATALOG: CATALOG,
    WAYBILL_WAREHOUSE_SQL: startupSql,
    WAYBILL_WAREHOUSE_DIRECTORIES: directories.join(','),
  };
}
