import type { Catalog } from './dataset.ts';
import { SettingsError } from './settings.ts';

/**
 * Refuses a catalog with columns that nothing could anonymize.
 *
 * @param key the setting WAYBILL_ANONYMIZE_KEY
 * @throws SettingsError
 */
export function assertAnonymizable({ datasets }: Catalog, key: string | undefined): void {
  if (key !== undefined) return;
  const columns = datasets.flatMap(({ name, columns }) =>
    columns.flatMap((column) => (column.anonymizedFrom === undefined ? [] : [`${name}.${column.name}`])),
  );
  if (columns.length === 0) return;
  throw new SettingsError(
    `WAYBILL_ANONYMIZE_KEY is not set, and the catalog wants these columns anonymized: ${columns.join(', ')}. Set it, for example to the output of "openssl rand -base64 32".`,
  );
}
